/* SPDX-License-Identifier: MIT */
/* tests/unit/test-report-processes.c - the report of a merged profile: its table of processes, its words. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report/escape.h"
#include "tests/support/ap_check.h"
#include "tests/support/report_fixture.h"

#define MS 1000000ull

static struct report_fixture fx;

static void setup(void)
{
	report_fixture_init(&fx);
}

static void teardown(void)
{
	report_fixture_clear(&fx);
}

static void assert_text(const char *words)
{
	char *text = report_fixture_write(&fx, &ap_writer_text, NULL, NULL);

	ck_assert_msg(strstr(text, words) != NULL, "no '%s' in\n%.6000s", words, text);
	free(text);
}

static void assert_narrow(char *text)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(ap_escape_columns(line) <= 80, "%s", line);
}

START_TEST(the_table_shows_who_made_whom)
{
	report_fixture_tree(&fx);
	assert_text("\nPROCESSES  (a process stands below what made it, as far as that is shown)\n"
		    "         pid     cpu    life  calls    thr     peak  end        program\n"
		    "        4242  300 ms  1.00 s 5.00 M      2 5.00 MiB  exit 0     demo\n"
		    "        4300  200 ms  1.00 s  10001      1 10.0 MiB  signal 11   worker\n"
		    "        4301     n/a  1.00 s     50      1      n/a  exec         worker\n"
		    "        4310     n/a  1.00 s    n/a    n/a      n/a  running     daemon\n"
		    "\nDATA QUALITY\n");
}
END_TEST

START_TEST(the_summary_speaks_of_all)
{
	report_fixture_tree(&fx);
	assert_text("autoprof: demo (pid 4242) and 3 more processes, ran 2.00 s, exited");
	assert_text(
		"  Processes  4 in this report, 3 programs; 1 still running, reported at its own\n"
		"             end\n");
	assert_text(
		"  Memory     peak 10.0 MiB resident in process 4300, 1.0 % of the cgroup limit\n");
	assert_text("1 at once in a process, 0 created");
}
END_TEST

START_TEST(one_process_has_no_table)
{
	report_fixture_busy(&fx);
	report_fixture_process(&fx, 4242, -1, "/usr/bin/demo")->calls = 5010051;
	char *text = report_fixture_write(&fx, &ap_writer_text, NULL, NULL);
	ck_assert_ptr_null(strstr(text, "PROCESSES"));
	ck_assert_ptr_null(strstr(text, "  Processes"));
	ck_assert_ptr_null(strstr(text, "more process"));
	ck_assert_ptr_null(strstr(text, "in process"));
	free(text);
}
END_TEST

START_TEST(an_exec_makes_no_new_process)
{
	report_fixture_tree(&fx);
	report_fixture_process(&fx, 4301, 2, "/usr/bin/other");
	assert_text("  Processes  4 in this report, 4 programs;");
}
END_TEST

START_TEST(the_busiest_twenty_are_shown_the_others_counted)
{
	report_fixture_tree(&fx);
	for (uint32_t i = 0; i < 30; i++) {
		struct ap_profile_process_row *row =
			report_fixture_process(&fx, 5000 + i, 1, "/usr/bin/worker");
		row->calls = 100;
		row->cpu_ns = (uint64_t)(i + 1) * MS;
	}
	fx.profile.more =
		(struct ap_profile_process_row){.processes = 7, .calls = 1000, .cpu_ns = 3 * MS};
	/* Shown: the root, 4300, and 18 of the 30; left: 1 to 12 ms, the two without CPU time, 7. */
	assert_text(
		"  ... and 21 more: 2250 calls, 81.0 ms of CPU (--thread shows all, the JSON has\n"
		"    them)\n");
	char *text = report_fixture_write(&fx, &ap_writer_text, NULL, NULL);
	ck_assert_ptr_nonnull(strstr(text, "\n        5012 "));
	ck_assert_ptr_null(strstr(text, "\n        5011 "));
	free(text);
	text = report_fixture_write(&fx, &ap_writer_text,
				    &(struct ap_report_options){.threads = true}, NULL);
	ck_assert_ptr_nonnull(strstr(text, "\n        5000 "));
	ck_assert_ptr_nonnull(strstr(text, "  ... and 7 more: 1000 calls, 3.00 ms of CPU\n"));
	free(text);
}
END_TEST

START_TEST(deep_trees_and_wide_figures_stay_inside_the_page)
{
	report_fixture_tree(&fx);
	for (int32_t i = 0; i < 40; i++) {
		struct ap_profile_process_row *row = report_fixture_process(
			&fx, 4294967295u, i + 3, "/opt/a/program/of/a/rather-long-name-indeed");
		row->cpu_ns = row->duration_ns = 9999ull * 3600 * 1000000000;
		row->calls = row->threads = 1ull << 62;
		row->max_rss_bytes = 1ull << 62;
		row->end = AP_PROFILE_QUICK_EXIT;
	}
	char *text = report_fixture_write(&fx, &ap_writer_text,
					  &(struct ap_report_options){.threads = true}, NULL);
	assert_narrow(text);
	free(text);
	report_fixture_clear(&fx);
	report_fixture_init(&fx);
	report_fixture_hostile(&fx);
	text = report_fixture_write(&fx, &ap_writer_text,
				    &(struct ap_report_options){.threads = true}, NULL);
	assert_narrow(text);
	free(text);
}
END_TEST

START_TEST(threads_that_are_not_listed_are_counted)
{
	report_fixture_tree(&fx);
	fx.profile.threads_more = 500;
	assert_text("  ... and 500 more threads\n");
}
END_TEST

START_TEST(the_json_has_the_same_rows)
{
	report_fixture_tree(&fx);
	fx.profile.more = (struct ap_profile_process_row){.processes = 7, .calls = 1000};
	char *text = report_fixture_write(&fx, &ap_writer_json, NULL, NULL);
	json_t *report = json_loads(text, 0, NULL);
	const json_t *rows = json_object_get(report, "processes");
	ck_assert_uint_eq(json_array_size(rows), 4);
	const json_t *killed = json_array_get(rows, 1), *running = json_array_get(rows, 3);
	ck_assert_int_eq(json_integer_value(json_object_get(killed, "pid")), 4300);
	ck_assert_int_eq(json_integer_value(json_object_get(killed, "ppid")), 4242);
	ck_assert_int_eq(json_integer_value(json_object_get(killed, "parent")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(killed, "signal")), 11);
	ck_assert_int_eq(json_integer_value(json_object_get(killed, "calls")), 10001);
	ck_assert_str_eq(json_string_value(json_object_get(running, "end")), "running");
	ck_assert(json_is_null(json_object_get(running, "calls")));
	const json_t *left_out = json_object_get(report, "processes_left_out");
	ck_assert_int_eq(json_integer_value(json_object_get(left_out, "count")), 7);
	ck_assert_int_eq(json_integer_value(json_object_get(left_out, "calls")), 1000);
	json_decref(report);
	free(text);
}
END_TEST

START_TEST(findings_speak_of_the_processes)
{
	report_fixture_tree(&fx);
	fx.profile.process.cpu_ns = 2 * fx.profile.process.duration_ns;
	fx.profile.process.max_rss_bytes = fx.profile.processes[1].max_rss_bytes =
		1041529569u /* of 1 GiB */;
	const struct ap_finding *finding = report_fixture_finding(&fx, "cpu_high");
	ck_assert_ptr_nonnull(finding);
	ck_assert_str_eq(finding->message,
			 "The processes used 100.0 % of the CPU time that they may use.");
	finding = report_fixture_finding(&fx, "memory_pressure");
	ck_assert_ptr_nonnull(finding);
	ck_assert_str_eq(finding->evidence[0], "in process 4300, worker");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report-processes");
	TCase *tc = tcase_create("report-processes");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_table_shows_who_made_whom);
	tcase_add_test(tc, the_summary_speaks_of_all);
	tcase_add_test(tc, one_process_has_no_table);
	tcase_add_test(tc, an_exec_makes_no_new_process);
	tcase_add_test(tc, the_busiest_twenty_are_shown_the_others_counted);
	tcase_add_test(tc, deep_trees_and_wide_figures_stay_inside_the_page);
	tcase_add_test(tc, threads_that_are_not_listed_are_counted);
	tcase_add_test(tc, the_json_has_the_same_rows);
	tcase_add_test(tc, findings_speak_of_the_processes);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
