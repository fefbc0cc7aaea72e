# Warnings for every target, hardening for the release preset, sanitizers by name.

set(EDGEHOLD_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (e.g. address,undefined)")
option(EDGEHOLD_HARDEN "Release hardening" OFF)

add_library(edgehold_flags INTERFACE)
target_include_directories(edgehold_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(edgehold_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # g++'s -Wconversion leaves signs alone in C++; clang's does not.
  target_compile_options(edgehold_flags INTERFACE -Wthread-safety -Wno-sign-conversion)
endif()
if(EDGEHOLD_SANITIZE)
  target_compile_options(edgehold_flags INTERFACE -fsanitize=${EDGEHOLD_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(edgehold_flags INTERFACE -fsanitize=${EDGEHOLD_SANITIZE})
  target_compile_definitions(edgehold_flags INTERFACE EDGEHOLD_SANITIZED)
endif()
if(EDGEHOLD_HARDEN)
  target_compile_options(edgehold_flags INTERFACE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS
                         -fstack-protector-strong -fstack-clash-protection -fcf-protection)
  target_link_options(edgehold_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
