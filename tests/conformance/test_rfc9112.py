# SPDX-License-Identifier: Apache-2.0
"""RFC 9112, one test for each law of a server and proxy, named by its section. The raw cases are
those of tests/e2e/cases/smuggling.py; here they are played and judged law by law."""
import fnmatch

from cases.smuggling import CASES
from test_smuggling import Judge

# The section and law: the names of its cases, `*` for any.
LAWS = {
    "2_2_lines_end_with_cr_lf_and_a_bare_one_of_them_is_refused": (
        "bare *", "CR CR LF*", "LF CR", "CR LF LF", "LF within a value", "vertical tab as a line end",
        "NEL as a line end"),
    "2_2_an_empty_line_before_a_request_line_is_skipped_and_nothing_else": (
        "* empty line* before a request", "one empty line between two requests",
        "?? before a request", "* before the method"),
    "2_2_no_blank_stands_between_the_request_line_and_the_first_field": (
        "space at the start of the second line", "empty line, then a blank one"),
    "2_3_versions_are_http_slash_digit_dot_digit_and_ours": (
        "HTTP/0.9*", "HTTP/1.2", "HTTP/2*", "HTTP/3.0", "HTTP/1.10", "HTTP/1.01", "HTTP/01.1",
        "HTTP/1", "HTTP/1.", "HTTP/1.1.1", "HTTP/+1.1", "*in the version", "lower-case version",
        "HTTPS as a version"),
    "3_a_request_line_is_three_parts_with_one_space_between_them": (
        "two spaces *", "tab after the method", "tab before the version", "* after the version",
        "form feed for a space", "no-break space for a space", "NUL in the request line",
        "no target", "empty target", "nothing but a method", "response for a request"),
    "3_1_methods_are_tokens_and_case_sensitive": (
        "*-case method", "method with *", "method that *", "non-ASCII method", "method *the limit",
        "method nobody knows"),
    "3_2_a_request_without_exactly_one_valid_host_is_400": (
        "no Host", "two *Hosts*", "Host: *"),
    "3_2_1_the_origin_form_is_a_path_and_a_query": (
        "target with *", "target: control byte", "target: DEL", "target: fragment*",
        "target: question mark only", "target: no slash", "target: two targets"),
    "3_2_2_the_absolute_form_replaces_host_and_does_not_contradict_it": (
        "absolute form *", "target: absolute form *"),
    "3_2_3_the_authority_form_is_for_connect_only": ("target: authority form", "CONNECT *"),
    "3_2_4_the_asterisk_form_is_for_options_only": ("asterisk of OPTIONS*", "target: asterisk*"),
    "3_a_target_that_is_too_long_is_414": ("target *past the limit", "target at the limit"),
    "5_field_lines_are_names_colons_and_values": (
        "field: no colon", "field: empty name", "field: colon only", "field: space in the name",
        "field: name *", "field: value *", "blanks around a value", "empty value",
        "no blank after the colon", "colon within a value"),
    "5_1_a_blank_between_name_and_colon_is_refused": ("field: * before the colon*",),
    "5_2_folded_lines_are_refused": ("field: folded*", "chunked folded", "chunks: trailer folded"),
    "6_1_codings_that_are_not_exactly_chunked_are_refused": (
        "chunked *", "coding *", "identity and *", "refused coding*"),
    "6_1_an_http_1_0_request_has_no_coding": ("HTTP/1.0 with chunked*",),
    "6_2_a_length_is_one_plain_number": ("length", "length zero", "length: *", "length twice*",
                                         "length of 18 digits"),
    "6_3_a_length_and_a_coding_together_are_refused": (
        "length and coding", "coding and length", "length zero and coding", "identity and a length"),
    "6_3_a_request_without_either_has_no_content": (
        "no length*", "GET with content", "content that looks like a request"),
    "7_1_chunk_sizes_are_hexadecimal_and_fit": (
        "sizes *", "chunks: size *", "chunks: empty size", "content that looks like chunks"),
    "7_1_chunks_are_as_long_as_they_say": (
        "chunks: content *", "chunks: * after the content", "chunks: two bytes *",
        "chunks: bare *", "chunks: request line *"),
    "7_1_1_extensions_are_well_formed_and_bounded": (
        "extension*", "chunks: extension*", "chunks: last chunk with a bad extension",
        "size line at the limit", "chunks: size line *"),
    "7_1_2_trailers_are_never_merged": ("chunks: trailer*",),
    "8_a_message_that_is_cut_is_incomplete": (
        "unfinished line*", "head without *", "empty line without *", "request line alone*",
        "half a method*", "content cut short", "content that never begins", "chunks that end *"),
    "9_3_an_http_1_0_connection_is_kept_only_when_asked": (
        "HTTP/1.0", "HTTP/1.0 kept*", "HTTP/1.0 with a second*", "HTTP/1.0 with close*"),
    "9_3_2_pipelined_requests_are_answered_in_order_up_to_the_first_bad_one": (
        "three requests", "good*", "bad, then *", "chunked, then a request", "chunked, then rubbish"),
    "9_6_nothing_after_close_is_a_request": ("close*",),
    "9_6_a_client_may_end_its_side_after_its_requests": ("*then the client ends its side",),
}


class Rfc9112(Judge):
    def play_law(self, patterns):
        chosen = [case for case in CASES
                  if any(fnmatch.fnmatchcase(case.name, pattern) for pattern in patterns)]
        for pattern in patterns:
            self.assertTrue(any(fnmatch.fnmatchcase(case.name, pattern) for case in CASES),
                            "no case is called `%s`" % pattern)
        capture, proxy = self.start()
        outcomes = []
        for case in chosen:
            with self.subTest(case.name):
                outcomes.append(self.play(proxy, case, len(case.octets)))
        if len(outcomes) == len(chosen):
            self.check_upstream(capture, proxy, outcomes, sum(case.may_begin for case in chosen))
        self.assertEqual(proxy.stop(), 0)


for law, names in LAWS.items():
    setattr(Rfc9112, "test_" + law, lambda self, names=names: self.play_law(names))
del Judge  # the loader would take it for a test case of this file
