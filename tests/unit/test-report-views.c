/* SPDX-License-Identifier: MIT */
/* tests/unit/test-report-views.c - views that are printed alone, and the order and number of rows.
 * */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ap_check.h"
#include "tests/support/report_fixture.h"

#define MS 1000000ull

static struct report_fixture fx;
static uint32_t main_id, parse_id, read_id;

/* main calls parse (2x) and read (1x); parse calls read, read calls parse again. */
static void setup(void)
{
	report_fixture_init(&fx);
	main_id = report_fixture_function(&fx, "main", "src/main.c", 10);
	parse_id = report_fixture_function(&fx, "parse(char const*)", "src/parse.c", 20);
	read_id = report_fixture_function(&fx, "read", "src/read.c", 30);
	fx.symbols[parse_id].linkage_name = "_Z5parsePKc";
	report_fixture_calls(&fx, main_id, 1, 100 * MS);
	report_fixture_calls(&fx, parse_id, 5, 40 * MS);
	report_fixture_calls(&fx, read_id, 40, 1 * MS);
	fx.functions[main_id].total_ns = 300 * MS;
	const uint32_t m = report_fixture_node(&fx, AP_ID_ROOT, main_id, 1, 300 * MS);
	const uint32_t p = report_fixture_node(&fx, m, parse_id, 2, 190 * MS);
	const uint32_t r = report_fixture_node(&fx, p, read_id, 30, 30 * MS);
	report_fixture_node(&fx, m, read_id, 10, 10 * MS);
	const uint32_t again = report_fixture_node(&fx, r, parse_id, 3, 5 * MS);
	fx.nodes[again].recursive = true;
	fx.functions[parse_id].total_ns = 190 * MS;
}

static void teardown(void)
{
	report_fixture_clear(&fx);
}

static void assert_view(const struct ap_report_options *options, int status, const char *expected)
{
	int got;
	char *text = report_fixture_write(&fx, &ap_writer_text, options, &got);

	ck_assert_str_eq(text, expected);
	ck_assert_int_eq(got, status);
	free(text);
}

START_TEST(callers_are_listed_with_calls_time_and_share)
{
	assert_view(&(struct ap_report_options){.callers = "read"}, 0,
		    "CALLERS OF read (read.c:30)\n"
		    "             calls    total   share  function\n"
		    "  called by     30  30.0 ms  75.0 %  parse(char const*) (parse.c:20)\n"
		    "                10  10.0 ms  25.0 %  main (main.c:10)\n");
}
END_TEST

/* Where windows tell whose calls they were, these are known no better than those of the function. */
START_TEST(calls_of_a_path_are_marked_like_those_of_the_function)
{
	for (size_t i = AP_ID_FIRST + 2; i < fx.profile.nodes_n; i++)
		fx.nodes[i].estimated = true;
	fx.functions[read_id].calls_known = AP_CALLS_MORE;
	assert_view(&(struct ap_report_options){.callers = "read"}, 0,
		    "CALLERS OF read (read.c:30)\n"
		    "             calls    total   share  function\n"
		    "  called by    >30 ~30.0 ms  75.0 %  parse(char const*) (parse.c:20)\n"
		    "               >10 ~10.0 ms  25.0 %  main (main.c:10)\n");
	assert_view(&(struct ap_report_options){.callees = "main"}, 0,
		    "CALLEES OF main (main.c:10)\n"
		    "             calls    total   share  function\n"
		    "  calls          2   190 ms  63.3 %  parse(char const*) (parse.c:20)\n"
		    "               >10 ~10.0 ms   3.3 %  read (read.c:30)\n");
	assert_view(&(struct ap_report_options){.tree_depth = 4}, 0,
		    "CALL TREE  (wall time)\n"
		    "    total     self  calls  function\n"
		    "   300 ms     0 ns      1  main (main.c:10)\n"
		    "   190 ms     0 ns      2    parse(char const*) (parse.c:20)\n"
		    " ~30.0 ms    ~0 ns    >30      read (read.c:30)\n"
		    " ~5.00 ms    ~0 ns     ~3        parse(char const*) (parse.c:20)\n"
		    " ~10.0 ms    ~0 ns    >10    read (read.c:30)\n");
}
END_TEST

START_TEST(a_recursive_call_counts_but_adds_no_time)
{
	assert_view(&(struct ap_report_options){.callers = "parse(char const*)"}, 0,
		    "CALLERS OF parse(char const*) (parse.c:20)\n"
		    "             calls    total   share  function\n"
		    "  called by      2   190 ms 100.0 %  main (main.c:10)\n"
		    "                 3     0 ns   0.0 %  read (read.c:30)\n");
}
END_TEST

START_TEST(callees_are_listed_most_time_first)
{
	assert_view(&(struct ap_report_options){.callees = "main"}, 0,
		    "CALLEES OF main (main.c:10)\n"
		    "             calls    total   share  function\n"
		    "  calls          2   190 ms  63.3 %  parse(char const*) (parse.c:20)\n"
		    "                10  10.0 ms   3.3 %  read (read.c:30)\n");
}
END_TEST

START_TEST(a_function_is_found_without_its_parameters_and_by_its_linkage_name)
{
	static const char *const names[] = {"parse", "_Z5parsePKc"};
	char *text = report_fixture_write(&fx, &ap_writer_text,
					  &(struct ap_report_options){.callees = names[_i]}, NULL);

	ck_assert_ptr_nonnull(strstr(text, "CALLEES OF parse(char const*) (parse.c:20)\n"));
	free(text);
}
END_TEST

START_TEST(every_function_of_the_name_is_shown)
{
	const uint32_t other = report_fixture_function(&fx, "parse(int)", "src/other.c", 1);

	report_fixture_calls(&fx, other, 1, MS);
	char *text = report_fixture_write(&fx, &ap_writer_text,
					  &(struct ap_report_options){.callers = "parse"}, NULL);
	ck_assert_ptr_nonnull(strstr(text, "CALLERS OF parse(char const*) (parse.c:20)\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n\nCALLERS OF parse(int) (other.c:1)\n"));
	free(text);
}
END_TEST

START_TEST(an_unknown_function_is_said_so_with_similar_names)
{
	assert_view(&(struct ap_report_options){.callers = "PARS"}, -ENOENT,
		    "no function named 'PARS' was called; similar: parse(char const*)\n");
	assert_view(&(struct ap_report_options){.callees = "\x1bnope"}, -ENOENT,
		    "no function named '\\x1bnope' was called\n");
	assert_view(&(struct ap_report_options){.callees = ""}, -ENOENT,
		    "no function named '' was called\n");
}
END_TEST

START_TEST(the_tree_goes_down_to_the_depth_that_was_asked_for)
{
	assert_view(&(struct ap_report_options){.tree_depth = 2}, 0,
		    "CALL TREE  (wall time)\n"
		    "    total     self  calls  function\n"
		    "   300 ms     0 ns      1  main (main.c:10)\n"
		    "   190 ms     0 ns      2    parse(char const*) (parse.c:20)\n"
		    "  10.0 ms     0 ns     10    read (read.c:30)\n");
	assert_view(&(struct ap_report_options){.tree_depth = 4, .top = 1}, 0,
		    "CALL TREE  (wall time)\n"
		    "    total     self  calls  function\n"
		    "   300 ms     0 ns      1  main (main.c:10)\n"
		    "   190 ms     0 ns      2    parse(char const*) (parse.c:20)\n"
		    "  30.0 ms     0 ns     30      read (read.c:30)\n"
		    "  5.00 ms     0 ns      3        parse(char const*) (parse.c:20)\n");
}
END_TEST

START_TEST(the_tree_shows_joined_and_inherited_paths_under_their_own_heading)
{
	report_fixture_node(&fx, AP_ID_DEEPER, read_id, 7, 2 * MS);
	char *text = report_fixture_write(&fx, &ap_writer_text,
					  &(struct ap_report_options){.tree_depth = 1}, NULL);
	ck_assert_ptr_nonnull(strstr(text, "                           (deeper):\n"
					   "  2.00 ms     0 ns      7  read (read.c:30)\n"));
	free(text);
}
END_TEST

START_TEST(the_deepest_tree_stays_inside_the_page)
{
	uint32_t node = AP_ID_ROOT;

	for (unsigned depth = 0; depth < AP_MAX_PATH_DEPTH; depth++)
		node = report_fixture_node(&fx, node, depth % 2 ? parse_id : read_id, 1, MS);
	char *text = report_fixture_write(
		&fx, &ap_writer_text, &(struct ap_report_options){.tree_depth = 4000000000u}, NULL);
	unsigned lines = 0;
	for (char *line = text; *line; lines++) {
		char *end = strchr(line, '\n');
		ck_assert_int_le(end - line, 80);
		line = end + 1;
	}
	ck_assert_uint_eq(lines, 2 + 5 + AP_MAX_PATH_DEPTH);
	ck_assert_ptr_nonnull(strstr(text, "[255] parse"));
	free(text);
}
END_TEST

/* Where each of the three functions stands in the table of hot functions. */
static void assert_order(enum ap_report_sort sort, const char *first, const char *second,
			 const char *third)
{
	char *text = report_fixture_write(&fx, &ap_writer_text,
					  &(struct ap_report_options){.sort = sort}, NULL);
	char expected[3][64];
	const char *at = strstr(text, "\nHOT FUNCTIONS");

	snprintf(expected[0], sizeof(expected[0]), "\n  1 %s", first);
	snprintf(expected[1], sizeof(expected[1]), "\n  2 %s", second);
	snprintf(expected[2], sizeof(expected[2]), "\n  3 %s", third);
	for (size_t i = 0; i < 3; i++) {
		at = at ? strstr(at, expected[i]) : NULL;
		ck_assert_msg(at != NULL, "sort %d: no '%s' in\n%s", sort, expected[i] + 1, text);
	}
	free(text);
}

START_TEST(functions_are_sorted_as_asked)
{
	assert_order(AP_SORT_SELF, "parse", "main", "read");
	assert_order(AP_SORT_TOTAL, "main", "parse", "read");
	assert_order(AP_SORT_CALLS, "read", "parse", "main");
	assert_order(AP_SORT_AVG, "main", "parse", "read");
	assert_order(AP_SORT_P99, "main", "parse", "read");
	assert_order(AP_SORT_NAME, "main", "parse", "read");
	fx.functions[read_id].max_ns = 1000 * MS;
	assert_order(AP_SORT_MAX, "read", "main", "parse");
}
END_TEST

START_TEST(top_limits_the_rows_and_says_how_many_are_left)
{
	char *text = report_fixture_write(&fx, &ap_writer_text,
					  &(struct ap_report_options){.top = 1}, NULL);

	ck_assert_ptr_nonnull(strstr(text, "\n    ... and 2 more functions (--top 3 shows all)\n"));
	ck_assert_ptr_null(strstr(text, "\n  2 main"));
	free(text);
}
END_TEST

START_TEST(a_writer_is_found_by_the_extension)
{
	ck_assert_ptr_eq(ap_writer_for("a/b.txt"), &ap_writer_text);
	ck_assert_ptr_eq(ap_writer_for("b.txt.json"), &ap_writer_json);
	ck_assert_ptr_null(ap_writer_for("b.html"));
	ck_assert_ptr_null(ap_writer_for("btxt"));
	ck_assert_ptr_null(ap_writer_for(""));
}
END_TEST

START_TEST(a_full_disk_is_reported)
{
	const struct ap_writer *const writers[] = {&ap_writer_text, &ap_writer_json};
	FILE *full = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(full);
	ck_assert_int_eq(writers[_i]->write(report_fixture_build(&fx), NULL, full), -ENOSPC);
	fclose(full);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report-views");
	TCase *tc = tcase_create("report-views");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, callers_are_listed_with_calls_time_and_share);
	tcase_add_test(tc, calls_of_a_path_are_marked_like_those_of_the_function);
	tcase_add_test(tc, a_recursive_call_counts_but_adds_no_time);
	tcase_add_test(tc, callees_are_listed_most_time_first);
	tcase_add_loop_test(tc, a_function_is_found_without_its_parameters_and_by_its_linkage_name,
			    0, 2);
	tcase_add_test(tc, every_function_of_the_name_is_shown);
	tcase_add_test(tc, an_unknown_function_is_said_so_with_similar_names);
	tcase_add_test(tc, the_tree_goes_down_to_the_depth_that_was_asked_for);
	tcase_add_test(tc, the_tree_shows_joined_and_inherited_paths_under_their_own_heading);
	tcase_add_test(tc, the_deepest_tree_stays_inside_the_page);
	tcase_add_test(tc, functions_are_sorted_as_asked);
	tcase_add_test(tc, top_limits_the_rows_and_says_how_many_are_left);
	tcase_add_test(tc, a_writer_is_found_by_the_extension);
	tcase_add_loop_test(tc, a_full_disk_is_reported, 0, 2);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
