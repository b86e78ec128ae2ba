/* SPDX-License-Identifier: MIT */
/* tests/unit/test-exclude.c - names for the compiler's list of functions that are not instrumented. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "report/exclude.h"
#include "tests/support/ap_check.h"
#include "tests/support/report_fixture.h"

static struct report_fixture fx;

static void setup(void)
{
	report_fixture_init(&fx);
}

static void teardown(void)
{
	report_fixture_clear(&fx);
}

/* demangled, and what gcc's own name has as a part; NULL: nothing sure */
static const struct {
	const char *name, *pattern;
} rows[] = {
	{"leaf", "leaf"},
	{"leaf.part.0", "leaf.part.0"},
	{"ns::plain(int)", "ns::plain"},
	{"int ns::twice<int>(int)", "ns::twice"},
	{"ns::Box<int>::get(int) const", "::get"},
	{"ns::Box<std::pair<int, char const*> >::~Box()", "::~Box"},
	{"(anonymous namespace)::hidden(int)", "::hidden"},
	{"(anonymous namespace)::Q::m()", "::m"},
	{"std::function<int (char)>::swap()", "::swap"},
	{"main::Local::run()", "main::Local::run"},
	{"f(int)::Local::run(char)", "::run"},
	{"unsigned long f<&(g(int))>(long)", "f"},
	{"main::{lambda(int)#1}::operator()(int) const", NULL},
	{"operator new(unsigned long)", NULL},
	{"ns::Box<int>::operator[](int)", NULL},
	{"a$b", NULL},
	{"", NULL},
	{"(", NULL},
	{"<", NULL},
	{"a(b", "a"},
	{"a<b", "a"},
	{"::", NULL},
};

START_TEST(a_pattern_is_a_part_of_what_gcc_calls_it)
{
	char pattern[64];
	const bool known = ap_exclude_pattern(rows[_i].name, pattern, sizeof(pattern));

	ck_assert_msg(known == (rows[_i].pattern != NULL), "%s", rows[_i].name);
	if (known)
		ck_assert_str_eq(pattern, rows[_i].pattern);
}
END_TEST

START_TEST(a_pattern_that_does_not_fit_is_none)
{
	char pattern[5];

	ck_assert(ap_exclude_pattern("four", pattern, sizeof(pattern)));
	ck_assert(!ap_exclude_pattern("fives", pattern, sizeof(pattern)));
}
END_TEST

static void assert_writes(const char *expected)
{
	const struct ap_report_options options = {.top = 0};
	const struct ap_report *report = report_fixture_build(&fx);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_int_eq(ap_writer_exclude.write(report, &options, out), 0);
	fclose(out);
	ck_assert_str_eq(text, expected);
	free(text);
}

/* hooks cost 24 ns */
START_TEST(only_what_is_tiny_and_no_part_of_a_name_that_stays)
{
	const uint32_t get = report_fixture_function(&fx, "get", "a.c", 1);
	const uint32_t set = report_fixture_function(&fx, "set", "a.c", 2);
	const uint32_t put = report_fixture_function(&fx, "put", "a.c", 3);
	const uint32_t input = report_fixture_function(&fx, "input", "a.c", 4);
	const uint32_t getter = report_fixture_function(&fx, "getter", "a.c", 5);

	assert_writes("");
	report_fixture_calls(&fx, get, 100, 5);
	report_fixture_calls(&fx, set, 200, 23);
	report_fixture_calls(&fx, put, 300, 5);	  /* a part of input, which stays */
	report_fixture_calls(&fx, input, 10, 24); /* as much as its hooks */
	report_fixture_calls(&fx, getter, 10, 3); /* goes as well */
	assert_writes("-finstrument-functions-exclude-function-list=set,get,getter\n");
	fx.profile.quality.hook_ns = 0; /* unknown */
	assert_writes("");
}
END_TEST

/* all of the rest is in a.c */
START_TEST(functions_of_system_headers_are_left_out_by_file)
{
	const uint32_t get = report_fixture_function(&fx, "get", "a.c", 1);
	const uint32_t twin = report_fixture_function(&fx, "ns::Box<int>::get()", "a.c", 2);
	const uint32_t size = report_fixture_function(&fx, "std::vector<int>::size() const",
						      "/usr/include/c++/12/bits/stl_vector.h", 3);
	const uint32_t end = report_fixture_function(&fx, "std::string::end()", NULL, 0);
	const uint32_t sort = report_fixture_function(&fx, "std::sort<int*>(int*, int*)",
						      "/usr/include/c++/12/bits/stl_algo.h", 4);
	const uint32_t work = report_fixture_function(&fx, "size", "a.c", 5);

	fx.symbols[end].module = "libstdc++.so.6";
	report_fixture_calls(&fx, get, 100, 5);
	report_fixture_calls(&fx, twin, 50, 5);
	report_fixture_calls(&fx, size, 300, 5);
	report_fixture_calls(&fx, end, 200, 5);
	report_fixture_calls(&fx, work, 1, 100000);
	report_fixture_calls(&fx, sort, 1, 11200); /* a tenth of the self time in all */
	assert_writes("-finstrument-functions-exclude-file-list=/usr/include,/include/c++ "
		      "-finstrument-functions-exclude-function-list=get,::get\n");
	report_fixture_calls(&fx, sort, 1, 400); /* no more out of sight than that */
	assert_writes("-finstrument-functions-exclude-function-list=::size,std::string::end,"
		      "get,::get\n");
}
END_TEST

START_TEST(no_name_stands_twice)
{
	const char *const names[] = {"A<int>::get()", "A<char>::get()", "B<int>::getter()"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		report_fixture_calls(&fx, report_fixture_function(&fx, names[i], "a.c", 1), 10, 5);
	assert_writes("-finstrument-functions-exclude-function-list=::get,::getter\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("exclude");
	TCase *names = tcase_create("names");

	tcase_add_checked_fixture(names, setup, teardown);
	tcase_add_loop_test(names, a_pattern_is_a_part_of_what_gcc_calls_it, 0,
			    sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(names, a_pattern_that_does_not_fit_is_none);
	tcase_add_test(names, only_what_is_tiny_and_no_part_of_a_name_that_stays);
	tcase_add_test(names, functions_of_system_headers_are_left_out_by_file);
	tcase_add_test(names, no_name_stands_twice);
	suite_add_tcase(suite, names);
	return ap_check_main(suite);
}
