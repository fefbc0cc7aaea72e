# One library per room. LINKS names the rooms and third-party libraries it may include; a header of
# any other room is not on its link list, and tests/tidy refuses the include as well.

function(edgehold_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINKS" ${ARGN})
  add_library(edgehold_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(edgehold_${name} PUBLIC edgehold_flags ${ROOM_LINKS})
endfunction()

# One test binary per room; every TEST in it is a ctest test of its own. BUSY: it runs for long.
function(edgehold_test name)
  cmake_parse_arguments(TEST "BUSY" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name}_test ${TEST_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${TEST_LINKS} edgehold_test_support GTest::gmock
                        GTest::gtest_main)
  if(EDGEHOLD_SANITIZE AND NOT TEST_BUSY)
    # To optimise a test takes longer than it saves in a run; the rooms it judges keep their -O1.
    target_compile_options(${name}_test PRIVATE -O0)
  endif()
  gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 120)
endfunction()
