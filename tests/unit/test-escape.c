/* SPDX-License-Identifier: MIT */
/* tests/unit/test-escape.c - names of the program in the text and in the JSON: nothing acts,
 * nothing is lost. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report/escape.h"
#include "report/json.h"
#include "report/text_out.h"
#include "report/units.h"
#include "tests/support/ap_check.h"

struct decoded {
	const char *bytes;
	size_t length; /* 0: invalid */
	uint32_t c;
};

START_TEST(utf8_is_taken_only_in_its_shortest_and_valid_form)
{
	static const struct decoded cases[] = {
		{"a", 1, 'a'},
		{"\x7f", 1, 0x7f},
		{"\xc2\x80", 2, 0x80},
		{"\xc3\xa9", 2, 0xe9},
		{"\xdf\xbf", 2, 0x7ff},
		{"\xe0\xa0\x80", 3, 0x800},
		{"\xe2\x82\xac", 3, 0x20ac},
		{"\xed\x9f\xbf", 3, 0xd7ff},
		{"\xef\xbf\xbf", 3, 0xffff},
		{"\xf0\x90\x80\x80", 4, 0x10000},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
		{"\x80", 0, 0},		    /* continuation alone */
		{"\xc3", 0, 0},		    /* cut */
		{"\xe2\x82", 0, 0},	    /* cut */
		{"\xf0\x90\x80", 0, 0},	    /* cut */
		{"\xc3(", 0, 0},	    /* no continuation */
		{"\xc0\xaf", 0, 0},	    /* overlong '/' */
		{"\xe0\x9f\xbf", 0, 0},	    /* overlong */
		{"\xf0\x8f\xbf\xbf", 0, 0}, /* overlong */
		{"\xed\xa0\x80", 0, 0},	    /* surrogate */
		{"\xf4\x90\x80\x80", 0, 0}, /* beyond U+10FFFF */
		{"\xf8\x88\x80\x80\x80", 0, 0},
		{"\xff", 0, 0},
	};
	const struct decoded *expected = &cases[_i];
	uint32_t c = 0;

	ck_assert_uint_eq(ap_utf8_decode(expected->bytes, &c), expected->length);
	ck_assert_uint_eq(c, expected->c);
}
END_TEST
#define DECODED 23

static char *fitted(const char *s, size_t columns)
{
	static char text[AP_FIT_BYTES];
	return ap_escape_fit(text, s, columns);
}

START_TEST(text_shows_what_could_act_as_bytes)
{
	ck_assert_str_eq(fitted("plain <T&> \"x\" \\ \xc3\xa9\xe2\x82\xac", 80),
			 "plain <T&> \"x\" \\ \xc3\xa9\xe2\x82\xac");
	ck_assert_str_eq(fitted("\x1b[31mred\x07\n\t\x7f", 80), "\\x1b[31mred\\x07\\x0a\\x09\\x7f");
	/* C1 as UTF-8: a terminal may take U+009B for ESC [. */
	ck_assert_str_eq(fitted("\xc2\x9b"
				"0m",
				80),
			 "\\xc2\\x9b0m");
	/* Direction overrides and isolates, line separators, byte order mark. */
	ck_assert_str_eq(fitted("a\xe2\x80\xae"
				"b",
				80),
			 "a\\xe2\\x80\\xaeb");
	ck_assert_str_eq(fitted("a\xe2\x81\xa6"
				"b",
				80),
			 "a\\xe2\\x81\\xa6b");
	ck_assert_str_eq(fitted("\xe2\x80\xa8\xe2\x80\xa9", 80), "\\xe2\\x80\\xa8\\xe2\\x80\\xa9");
	ck_assert_str_eq(fitted("\xef\xbb\xbf", 80), "\\xef\\xbb\\xbf");
	/* Invalid UTF-8, byte by byte; what follows is kept. */
	ck_assert_str_eq(fitted("\xff\xc3(\xe2\x82", 80), "\\xff\\xc3(\\xe2\\x82");
}
END_TEST

START_TEST(columns_are_characters_not_bytes)
{
	ck_assert_uint_eq(ap_escape_columns(""), 0);
	ck_assert_uint_eq(ap_escape_columns("\xc3\xa9\xe2\x82\xac"
					    "a"),
			  3);
	ck_assert_uint_eq(ap_escape_columns("\x1b\xff"), 8);
}
END_TEST

START_TEST(wide_names_are_cut_in_the_middle_and_keep_both_ends)
{
	ck_assert_str_eq(fitted("abcdefghij", 10), "abcdefghij");
	ck_assert_str_eq(fitted("abcdefghijk", 10), "abcd...ijk");
	ck_assert_str_eq(fitted("abcdefghijk", 4), "a...");
	ck_assert_str_eq(fitted("abcdefghijk", 3), "...");
	ck_assert_str_eq(fitted("abcdefghijk", 1), ".");
	ck_assert_str_eq(fitted("abcdefghijk", 0), "");
	/* Never inside a character or an escape. */
	ck_assert_str_eq(fitted("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 5),
			 "\xc3\xa9...\xc3\xa9");
	ck_assert_str_eq(fitted("ab\x1b"
				"cdefgh\x1b"
				"yz",
				12),
			 "ab...yz");
}
END_TEST

/* What jansson reads back of @s written as JSON. */
static char *through_json(const char *s, char **ret_raw)
{
	char *raw = NULL;
	size_t size;
	FILE *out = open_memstream(&raw, &size);
	struct ap_json json = {.out = out};

	ap_json_begin(&json, NULL, '[');
	ap_json_string(&json, NULL, s);
	ap_json_end(&json, ']');
	fclose(out);
	json_error_t error;
	json_t *array = json_loads(raw, 0, &error);
	ck_assert_msg(array != NULL, "%s: %s", error.text, raw);
	char *back = strdup(json_string_value(json_array_get(array, 0)));
	json_decref(array);
	if (ret_raw)
		*ret_raw = raw;
	else
		free(raw);
	return back;
}

START_TEST(json_strings_come_back_as_they_were)
{
	static const char *const names[] = {
		"",
		"operator\"\"_s \\ /",
		"\x01\x02\x1b[31m\n\r\t\b\f\x7f",
		"</script><!-- <b> & ' ",
		"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xc2\x85",
	};
	char *back = through_json(names[_i], NULL);

	ck_assert_str_eq(back, names[_i]);
	free(back);
}
END_TEST
#define NAMES 6

START_TEST(json_never_holds_what_ends_a_script_or_acts)
{
	char *raw;

	free(through_json("</script> <!-- < a \xe2\x80\xa8 \xc2\x9b \x1b \xf0\x9f\x98\x80", &raw));
	ck_assert_str_eq(raw, "[\n\t\"\\u003c/script> \\u003c!-- < a \\u2028 \\u009b \\u001b "
			      "\xf0\x9f\x98\x80\"\n]\n");
	free(raw);
}
END_TEST

START_TEST(json_replaces_invalid_bytes)
{
	char *back = through_json("a\xff\xc3(\xed\xa0\x80z", NULL);

	ck_assert_str_eq(back, "a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
	free(back);
}
END_TEST

START_TEST(json_numbers_are_finite_and_in_range)
{
	char *raw = NULL;
	size_t size;
	FILE *out = open_memstream(&raw, &size);
	struct ap_json json = {.out = out};

	ap_json_begin(&json, NULL, '{');
	ap_json_double(&json, "nan", 0.0 / 0.0);
	ap_json_double(&json, "inf", 1e308 * 10);
	ap_json_double(&json, "third", 100 / 3.0);
	ap_json_double(&json, "big", 2.1e9);
	ap_json_uint(&json, "most", UINT64_MAX);
	ap_json_string(&json, "none", NULL);
	ap_json_begin(&json, "empty", '[');
	ap_json_end(&json, ']');
	ap_json_bool(&json, "yes", true);
	ap_json_end(&json, '}');
	fclose(out);
	ck_assert_str_eq(raw, "{\n\t\"nan\": null,\n\t\"inf\": null,\n\t\"third\": "
			      "33.333333,\n\t\"big\": 2100000000,\n"
			      "\t\"most\": 9223372036854775807,\n\t\"none\": null,\n\t\"empty\": "
			      "[],\n\t\"yes\": true\n}\n");
	free(raw);
}
END_TEST

static char *paragraph(const char *lead, unsigned hang, const char *s)
{
	char *raw = NULL;
	size_t size;
	struct ap_text_out text = {.out = open_memstream(&raw, &size)};

	ap_text_begin(&text, lead, hang);
	ap_text_put(&text, s);
	ap_text_end(&text);
	fclose(text.out);
	return raw;
}

START_TEST(paragraphs_break_at_spaces_and_hang)
{
	char *text = paragraph("  - ", 4,
			       "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 "
			       "012345678 abcd x");

	ck_assert_str_eq(
		text,
		"  - 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 012345678\n"
		"    abcd x\n");
	free(text);
}
END_TEST

START_TEST(a_line_may_be_exactly_as_wide_as_the_page)
{
	char word[77];

	memset(word, 'w', 76);
	word[76] = '\0';
	char *text = paragraph("  - ", 4, word);
	ck_assert_uint_eq(strlen(text), 81);
	ck_assert_ptr_eq(strchr(text, '\n'), text + 80);
	free(text);
}
END_TEST

/* Everything but spaces of @s, escaped, behind what is in @to. */
static void append_solid(char *to, const char *s)
{
	struct ap_piece piece;

	to += strlen(to);
	while ((s = ap_piece_next(s, &piece))) {
		if (piece.text[0] != ' ') {
			memcpy(to, piece.text, piece.bytes);
			to += piece.bytes;
		}
	}
	*to = '\0';
}

/* No line is wider than the page, and the characters come out in their order. */
static void check_paragraph(const char *lead, unsigned hang, const char *s)
{
	char *text = paragraph(lead, hang, s);
	char *got = calloc(4, strlen(text) + 1);
	char *expected = calloc(4, strlen(s) + strlen(lead) + 1);

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_uint_le(ap_escape_columns(line), 80);
		append_solid(got, line);
	}
	append_solid(expected, lead);
	append_solid(expected, s);
	ck_assert_str_eq(got, expected);
	free(expected);
	free(got);
	free(text);
}

/* Up to 120 pieces; some texts without a space: one word wider than the page. */
static void random_text(char *ret, unsigned *seed)
{
	static const char *const alphabet[] = {"a",	   "b",
					       " ",	   "  ",
					       "\xc3\xa9", "\x1b",
					       "\xff",	   "\xe2\x80\xae",
					       "word",	   "longer_word_of_a_name<T>",
					       ", "};
	const unsigned pieces = (unsigned)rand_r(seed) % 120;
	const bool solid = rand_r(seed) % 4 == 0;

	*ret = '\0';
	for (unsigned i = 0; i < pieces; i++) {
		const char *piece = alphabet[(unsigned)rand_r(seed) % 11];
		if (!solid || *piece != ' ')
			ret = stpcpy(ret, piece);
	}
}

START_TEST(no_paragraph_is_wider_than_the_page_and_none_loses_a_character)
{
	char s[120 * 32];
	unsigned seed = (unsigned)_i * 7919u + 1;

	for (int round = 0; round < 200; round++) {
		random_text(s, &seed);
		check_paragraph("  - ", 4, s);
		check_paragraph("  label      ", 13, s);
		check_paragraph("", 39, s);
	}
}
END_TEST

START_TEST(figures_have_three_digits_and_a_unit)
{
	ck_assert_str_eq(ap_human_ns(0).text, "0 ns");
	ck_assert_str_eq(ap_human_ns(7).text, "7 ns");
	ck_assert_str_eq(ap_human_ns(12.34).text, "12.3 ns");
	ck_assert_str_eq(ap_human_ns(999).text, "999 ns");
	ck_assert_str_eq(ap_human_ns(999.7).text, "1.00 us");
	ck_assert_str_eq(ap_human_ns(45600).text, "45.6 us");
	ck_assert_str_eq(ap_human_ns(1234567).text, "1.23 ms");
	ck_assert_str_eq(ap_human_ns(9995000).text, "10.0 ms");
	ck_assert_str_eq(ap_human_ns(999499999).text, "999 ms");
	ck_assert_str_eq(ap_human_ns(999500000).text, "1.00 s");
	ck_assert_str_eq(ap_human_ns(3599e9).text, "3599 s");
	ck_assert_str_eq(ap_human_ns(36000e9).text, "10.0 h");
	ck_assert_str_eq(ap_human_count(99999).text, "99999");
	ck_assert_str_eq(ap_human_count(100000).text, "100 k");
	ck_assert_str_eq(ap_human_count(3200000).text, "3.20 M");
	ck_assert_str_eq(ap_human_count(999600).text, "1.00 M");
	ck_assert_str_eq(ap_human_count(UINT64_MAX).text, "18.4 E");
	ck_assert_str_eq(ap_human_bytes(1023).text, "1023 B");
	ck_assert_str_eq(ap_human_bytes(1024).text, "1.00 KiB");
	ck_assert_str_eq(ap_human_bytes(1536u << 20).text, "1.50 GiB");
	ck_assert_str_eq(ap_human_percent(0).text, "0.0 %");
	ck_assert_str_eq(ap_human_percent(0.049).text, "<0.1 %");
	ck_assert_str_eq(ap_human_percent(45.64).text, "45.6 %");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("escape");
	TCase *tc = tcase_create("escape");

	tcase_add_loop_test(tc, utf8_is_taken_only_in_its_shortest_and_valid_form, 0, DECODED);
	tcase_add_test(tc, text_shows_what_could_act_as_bytes);
	tcase_add_test(tc, columns_are_characters_not_bytes);
	tcase_add_test(tc, wide_names_are_cut_in_the_middle_and_keep_both_ends);
	tcase_add_loop_test(tc, json_strings_come_back_as_they_were, 0, NAMES);
	tcase_add_test(tc, json_never_holds_what_ends_a_script_or_acts);
	tcase_add_test(tc, json_replaces_invalid_bytes);
	tcase_add_test(tc, json_numbers_are_finite_and_in_range);
	tcase_add_test(tc, paragraphs_break_at_spaces_and_hang);
	tcase_add_test(tc, a_line_may_be_exactly_as_wide_as_the_page);
	tcase_add_loop_test(tc, no_paragraph_is_wider_than_the_page_and_none_loses_a_character, 0,
			    5);
	tcase_add_test(tc, figures_have_three_digits_and_a_unit);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
