/* SPDX-License-Identifier: MIT */
/* tests/unit/test-report.c - the whole report as text. */
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "report/escape.h"
#include "tests/support/ap_check.h"
#include "tests/support/report_fixture.h"

#define SECOND 1000000000ull
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

static char *text_of(const struct ap_report_options *options)
{
	return report_fixture_write(&fx, &ap_writer_text, options, NULL);
}

static void assert_text(const char *words)
{
	char *text = text_of(NULL);

	ck_assert_msg(strstr(text, words) != NULL, "no '%s' in\n%.4000s", words, text);
	free(text);
}

static void assert_no_text(const char *words)
{
	char *text = text_of(NULL);

	ck_assert_msg(strstr(text, words) == NULL, "'%s' in\n%.4000s", words, text);
	free(text);
}

/* Reports are too long for a message of check: the first line that differs says enough. */
static void assert_same(const char *text, const char *expected)
{
	size_t line = 1;

	for (size_t i = 0; text[i] || expected[i]; i++) {
		ck_assert_msg(text[i] == expected[i], "line %zu: expected '%.100s', got '%.100s'",
			      line, expected + i, text + i);
		line += text[i] == '\n';
	}
}

static void assert_narrow(const char *text)
{
	while (*text) {
		const char *end = strchrnul(text, '\n');
		char *line = strndup(text, (size_t)(end - text));
		ck_assert_msg(ap_escape_columns(line) <= 80, "%zu columns: %s",
			      ap_escape_columns(line), line);
		for (const char *c = line; *c; c++)
			ck_assert_msg((unsigned char)*c >= 0x20 && *c != 0x7f, "a control byte: %s",
				      line);
		free(line);
		text = *end ? end + 1 : end;
	}
}

START_TEST(the_report_of_a_busy_program_reads_like_this)
{
	report_fixture_busy(&fx);
	char *text = text_of(NULL);
	assert_same(
		text,
		"autoprof: demo (pid 4242), ran 2.00 s, exited, status 0\n"
		"/usr/bin/demo, begun 2023-11-14 22:13:20 UTC\n"
		"\n"
		"EXECUTIVE SUMMARY\n"
		"  Verdict    1 warning: query is slow: p99 is 600 ms, above 500 ms.\n"
		"  Hottest    query (src/db/query.c:120): 99.8 % of self time, 10000 calls\n"
		"  CPU        500 ms in 2.00 s: 0.25 of 2.00 cores (12.5 %)\n"
		"  Memory     peak 10.0 MiB resident, 1.0 % of the cgroup limit\n"
		"  Threads    1 at once, 0 created; 0 processes created\n"
		"\n"
		"FINDINGS\n"
		"  warning    query is slow: p99 is 600 ms, above 500 ms. [latency_p99]\n"
		"           - 1.50 % of its calls (150 of 10000) took 500 ms or more, the slowest\n"
		"             600 ms\n"
		"           - 100.0 % of its time is its own, not that of functions it calls\n"
		"          => Look for waiting or for work that grows with the input in query\n"
		"             (src/db/query.c:120) itself: instrumented callees are not to blame.\n"
		"  info       query holds 99.8 % of the self time. [hot_function]\n"
		"           - self 96.2 s, total 96.2 s in 10000 calls, 9.62 ms self a call\n"
		"          => Make query (src/db/query.c:120) cheaper, let it wait less, or call\n"
		"             it less often from main.\n"
		"  info       Recording 1 tiny function took ~24.0 % of the run. [tiny_functions]\n"
		"           - 5.00 M calls at ~24.0 ns each; a call does less than that itself\n"
		"           - box<int>::get() const (src/box.h:3): 5.00 M calls, 10 ns self a\n"
		"             call\n"
		"          => Leave them out, box<int>::get() const (src/box.h:3) first: build\n"
		"             with -finstrument-functions-exclude-function-list=::get (gcc; it\n"
		"             takes parts of names), or mark them\n"
		"             __attribute__((no_instrument_function)).\n"
		"\n"
		"HOT FUNCTIONS  (by self time; all times are wall time)\n"
		"         self  self %    total   calls      avg      p50      p99      max\n"
		"  1 query (query.c:120)\n"
		"       96.2 s  99.8 %   96.2 s   10000  9.62 ms  50.0 us   600 ms   600 ms\n"
		"  2 demo+0x4000\n"
		"       100 ms   0.1 %   100 ms      50  2.00 ms  2.00 ms      n/a  2.00 ms\n"
		"  3 box<int>::get() const (box.h:3)\n"
		"      50.0 ms   0.1 %  50.0 ms  5.00 M    10 ns    10 ns    10 ns    10 ns\n"
		"  4 main (main.c:10)\n"
		"      40.0 ms   0.0 %   1.90 s       1  40.0 ms      n/a      n/a  40.0 ms\n"
		"\n"
		"CALLERS AND CALLEES OF THE HOTTEST  (total time, share of its total)\n"
		"  query (query.c:120)\n"
		"             calls    total   share  function\n"
		"  called by  10000   96.2 s 100.0 %  main (main.c:10)\n"
		"  calls     5.00 M  50.0 ms   0.1 %  box<int>::get() const (box.h:3)\n"
		"\n"
		"LATENCY  (of whole calls, by p99; wall time; n/a: too few calls to tell)\n"
		"    slow: 50.0 ms and more, very slow: 100 ms, critical: 500 ms\n"
		"       calls      p50      p75      p90      p95      p99    p99.9     p100\n"
		"  1 query (query.c:120)\n"
		"       10000  50.0 us  50.0 us  50.0 us  50.0 us   600 ms   600 ms   600 ms\n"
		"            fast 9800, slow 20, very slow 30, critical 150\n"
		"  2 demo+0x4000\n"
		"          50  2.00 ms  2.00 ms      n/a      n/a      n/a      n/a  2.00 ms\n"
		"  3 box<int>::get() const (box.h:3)\n"
		"      5.00 M    10 ns    10 ns    10 ns    10 ns    10 ns    10 ns    10 ns\n"
		"\n"
		"OPEN CALLS  (had not returned at the end, and since when)\n"
		"  thread 4242 demo, outermost first:\n"
		"     1.90 s  main (main.c:10)\n"
		"     1.20 s  query (query.c:120)\n"
		"\n"
		"THREADS  (busiest first; CPU of the thread's life)\n"
		"         tid       cpu   cpu %      life    events  open  state name\n"
		"        4242    400 ms  20.0 %    2.00 s    10.0 M     2  alive demo\n"
		"        4243       n/a     n/a    1.00 s         0     0  ended io\n"
		"\n"
		"DATA QUALITY\n"
		"  Events     attempted 10020102 = folded 10020102 + pending 0 + dropped 0\n"
		"  Overhead   ~24.0 ns a call\n"
		"  Clock      tsc, 2.100 GHz; times of functions are wall time\n"
		"  Memory     3.00 MiB of 64.0 MiB used for the profile\n");
	assert_narrow(text);
	free(text);
}
END_TEST

START_TEST(an_empty_report_says_why_and_what_to_do)
{
	char *text = text_of(NULL);

	ck_assert_ptr_nonnull(strstr(text, "  Verdict    Nothing was recorded.\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nNOTHING WAS RECORDED"));
	ck_assert_ptr_nonnull(strstr(text, "`autoprof flags`"));
	ck_assert_ptr_nonnull(strstr(text, "-finstrument-functions"));
	ck_assert_ptr_nonnull(strstr(text, "\nDATA QUALITY\n"));
	static const char *const absent[] = {"HOT FUNCTIONS", "LATENCY", "OPEN CALLS", "THREADS",
					     "FINDINGS",      "CALLERS", "MEMORY"};
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		ck_assert_msg(!strstr(text, absent[i]), "%s", absent[i]);
	assert_narrow(text);
	free(text);
	fx.profile.quality.attempted = fx.profile.quality.dropped[0].events = 8;
	assert_text("memory=256M");
	assert_no_text("`autoprof flags`");
}
END_TEST

START_TEST(a_failed_identity_is_loud)
{
	report_fixture_busy(&fx);
	assert_no_text("***");
	fx.profile.quality.attempted += 1000;
	fx.profile.quality.identity_holds = false;
	assert_text(
		"  Verdict    1 warning: query is slow: p99 is 600 ms, above 500 ms. Events are\n"
		"             missing: the figures are not complete.\n");
	assert_text(
		"  Events     attempted 10021102 != folded 10020102 + pending 0 + dropped 0\n"
		"  *** EVENTS DO NOT ADD UP: 1000 events are missing. The figures above are not\n"
		"      complete; please report this as a defect of autoprof. ***\n");
	fx.profile.quality.folded += 1003;
	assert_text("*** EVENTS DO NOT ADD UP: 3 events too many.");
}
END_TEST

START_TEST(dropped_and_pending_events_are_part_of_the_equation)
{
	report_fixture_busy(&fx);
	fx.profile.quality.attempted += 60;
	fx.profile.quality.pending = 10;
	fx.profile.quality.dropped[0].events = 30;
	fx.profile.quality.dropped[3].events = 20;
	fx.profile.quality.in_doubt = 1;
	assert_text(
		"  Events     attempted 10020162 = folded 10020102 + pending 10 + dropped 50 (1\n"
		"             in doubt)\n"
		"  Dropped    30 no_memory: no memory for them: raise the option memory\n"
		"  Dropped    20 torn: left half written by a thread that was killed\n");
}
END_TEST

START_TEST(data_quality_names_everything_that_was_lost_or_guessed)
{
	static char *ignored[] = {(char *)"colour=on: no such option"};
	static char *notes[] = {(char *)"recording began 3 s late"};
	static const struct ap_module_note modules[] = {{"/lib/a.so", NULL},
							{"/lib/b.so", "was replaced"}};
	struct ap_profile_quality *quality = &fx.profile.quality;

	report_fixture_busy(&fx);
	quality->overhead_pct = 12.34;
	quality->unclosed_frames = 7;
	quality->resyncs = 2;
	quality->unmatched_exits = 3;
	quality->clamps = 4;
	quality->beyond = 5;
	quality->inherited = 6;
	quality->degraded = AP_DEGRADED_NO_SELF_HIST | AP_DEGRADED_PATHS_JOINED;
	quality->options_ignored = ignored;
	quality->options_ignored_n = 1;
	quality->notes = notes;
	quality->notes_n = 1;
	quality->paths_joined_pct = 3.21;
	report_fixture_node(&fx, AP_ID_DEEPER, AP_ID_FIRST, 1, MS);
	report_fixture_build(&fx);
	fx.report->module_notes = modules;
	fx.report->module_notes_n = 2;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	ck_assert_int_eq(ap_writer_text.write(fx.report, NULL, out), 0);
	fclose(out);
	assert_same(
		strstr(text, "  Overhead"),
		"  Overhead   ~24.0 ns a call, ~12.3 % more CPU time than with hooks that do\n"
		"             nothing\n"
		"  Clock      tsc, 2.100 GHz; times of functions are wall time\n"
		"  Stacks     7 calls ended without their exit (longjmp, exception, thread end)\n"
		"  Stacks     2 of these known by the stack pointer alone\n"
		"  Stacks     3 exits without their enter\n"
		"  Stacks     4 negative times set to 0\n"
		"  Stacks     5 calls too deep to be timed: counted only\n"
		"  Stacks     6 open calls taken over from the parent process\n"
		"  (deeper)   stands for calls on paths deeper than 256 levels or beyond the\n"
		"             memory cap: 3.2 % of self time. Totals marked ~ lack what joined\n"
		"             it.\n"
		"  Memory     3.00 MiB of 64.0 MiB used for the profile\n"
		"  Degraded   no histograms of self time for some functions\n"
		"  Degraded   new call paths were joined into (deeper)\n"
		"  Ignored    option colour=on: no such option\n"
		"  Module     /lib/b.so: was replaced\n"
		"  Note       recording began 3 s late\n");
	free(text);
}
END_TEST

START_TEST(what_is_estimated_or_partial_is_marked)
{
	report_fixture_busy(&fx);
	fx.functions[AP_ID_FIRST + 1].total.coarse = true;
	fx.functions[AP_ID_FIRST + 1].total_partial = true;
	assert_text("       96.2 s  99.8 %  ~96.2 s   10000  9.62 ms ~50.0 us  ~600 ms   600 ms\n");
}
END_TEST

START_TEST(quantiles_need_ten_calls_above_them)
{
	const uint32_t f = report_fixture_function(&fx, "f", "f.c", 1);

	report_fixture_calls(&fx, f, 19, MS);
	assert_no_text("LATENCY");
	report_fixture_calls(&fx, f, 1, MS);
	assert_text(
		"          20  1.00 ms      n/a      n/a      n/a      n/a      n/a  1.00 ms\n");
	report_fixture_calls(&fx, f, 979, MS);
	assert_text(
		"         999  1.00 ms  1.00 ms  1.00 ms  1.00 ms      n/a      n/a  1.00 ms\n");
	report_fixture_calls(&fx, f, 9000, MS);
	assert_text(
		"        9999  1.00 ms  1.00 ms  1.00 ms  1.00 ms  1.00 ms      n/a  1.00 ms\n");
	report_fixture_calls(&fx, f, 1, MS);
	assert_text(
		"       10000  1.00 ms  1.00 ms  1.00 ms  1.00 ms  1.00 ms  1.00 ms  1.00 ms\n");
}
END_TEST

struct ending {
	enum ap_profile_end end;
	int signal, status;
	const char *text, *json;
};

START_TEST(every_end_is_told)
{
	static const struct ending endings[] = {
		{AP_PROFILE_EXIT, 0, 3, "ran 2.00 s, exited, status 3\n", "exit"},
		{AP_PROFILE_EXIT, 0, -1, "ran 2.00 s, exited\n", "exit"},
		{AP_PROFILE_RAW_EXIT, 0, 0, "ran 2.00 s, left by _exit, status 0\n", "_exit"},
		{AP_PROFILE_QUICK_EXIT, 0, 1, "ran 2.00 s, left by quick_exit, status 1\n",
		 "quick_exit"},
		{AP_PROFILE_EXEC, 0, -1, "ran 2.00 s, became another program (exec)\n", "exec"},
		{AP_PROFILE_SIGNAL, SIGSEGV, -1,
		 "ran 2.00 s, ended by signal 11 (Segmentation fault)\n", "signal"},
		{AP_PROFILE_KILLED, 0, -1, "ran 2.00 s, killed\n", "killed"},
		{AP_PROFILE_RUNNING, 0, -1, "ran 2.00 s, still running\n", "running"},
	};
	const struct ending *ending = &endings[_i];
	struct ap_profile_process *process = &fx.profile.process;

	process->end = ending->end;
	process->signal = ending->signal;
	process->exit_status = ending->status;
	assert_text(ending->text);
	char *text = report_fixture_write(&fx, &ap_writer_json, NULL, NULL);
	json_t *report = json_loads(text, 0, NULL);
	const json_t *told = json_object_get(report, "process");
	ck_assert_str_eq(json_string_value(json_object_get(told, "end")), ending->json);
	ck_assert_int_eq(json_is_null(json_object_get(told, "signal")), !ending->signal);
	ck_assert_int_eq(json_integer_value(json_object_get(told, "signal")), ending->signal);
	ck_assert_int_eq(json_is_null(json_object_get(told, "exit_status")), ending->status < 0);
	json_decref(report);
	free(text);
}
END_TEST
#define ENDINGS 8

START_TEST(memory_is_a_section_from_half_of_the_limit_on)
{
	fx.profile.process.max_rss_bytes = 511u << 20;
	assert_no_text("\nMEMORY");
	fx.profile.process.max_rss_bytes = 600u << 20;
	assert_text(
		"\nMEMORY\n  Peak       600 MiB resident: 58.6 % of the cgroup limit (1.00 GiB)\n"
		"  Machine    8.00 GiB\n");
}
END_TEST

START_TEST(the_busiest_threads_are_shown_and_all_when_asked)
{
	report_fixture_busy(&fx);
	for (uint32_t i = 0; i < 9; i++)
		report_fixture_thread(&fx, 5000 + i, "worker")->cpu_ns = (i + 1) * MS;
	char *text = text_of(NULL);
	ck_assert_ptr_nonnull(strstr(text, "        5008   9.00 ms   0.5 %"));
	ck_assert_ptr_nonnull(strstr(text, "        5005   6.00 ms   0.3 %"));
	ck_assert_ptr_null(strstr(text, "        5004   5.00 ms"));
	ck_assert_ptr_nonnull(strstr(text, "  ... and 6 more threads (--thread shows all)\n"));
	free(text);
	text = text_of(&(struct ap_report_options){.threads = true});
	ck_assert_ptr_nonnull(strstr(text, "        5000   1.00 ms"));
	ck_assert_ptr_null(strstr(text, "more threads"));
	free(text);
}
END_TEST

START_TEST(deep_stacks_of_open_calls_show_their_innermost_frames)
{
	report_fixture_busy(&fx);
	struct ap_profile_thread *thread = report_fixture_thread(&fx, 7, "deep");
	for (uint64_t i = 0; i < 300; i++)
		report_fixture_open(&fx, thread, AP_ID_FIRST, (300 - i) * SECOND);
	thread->open[299].inherited = true;
	assert_text("  thread 7 deep, outermost first:\n"
		    "             ... 292 more above\n"
		    "     8.00 s  main (main.c:10)\n");
	assert_text("     1.00 s  main (main.c:10)  (from parent)\n");
}
END_TEST

START_TEST(frames_from_the_parent_have_time_but_no_calls)
{
	const uint32_t f = report_fixture_function(&fx, "main", "main.c", 1);

	fx.functions[f].self_ns = fx.functions[f].total_ns = SECOND;
	assert_text("  1 main (main.c:1)\n"
		    "       1.00 s 100.0 %   1.00 s       0     0 ns      n/a      n/a     0 ns\n");
	assert_no_text("NOTHING WAS RECORDED");
}
END_TEST

START_TEST(calls_that_took_no_time_are_listed)
{
	report_fixture_calls(&fx, report_fixture_function(&fx, "quick", "quick.c", 1), 1, 0);
	assert_text("  1 quick (quick.c:1)\n"
		    "         0 ns   0.0 %     0 ns       1     0 ns      n/a      n/a     0 ns\n");
}
END_TEST

START_TEST(color_is_there_only_when_asked_for_and_changes_nothing_else)
{
	report_fixture_busy(&fx);
	char *plain = text_of(NULL);
	const struct ap_report_options colored = {.color = true};
	char *color = text_of(&colored);
	char *to = color;

	ck_assert_ptr_null(strchr(plain, '\x1b'));
	ck_assert_ptr_nonnull(strstr(color, "\x1b[1;33m  warning    \x1b[0mquery"));
	for (char *from = color; *from;) {
		if (*from == '\x1b')
			from = strchr(from, 'm') + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	assert_same(color, plain);
	free(color);
	free(plain);
}
END_TEST

START_TEST(hostile_names_stay_inside_the_page_and_do_nothing)
{
	report_fixture_hostile(&fx);
	char *text = text_of(&(struct ap_report_options){.threads = true, .top = 1000});
	assert_narrow(text);
	ck_assert_ptr_nonnull(strstr(text, "\\x1b]0;owned\\x07\\x1b[2J"));
	ck_assert_ptr_nonnull(strstr(text, "%s%n%1000d"));
	ck_assert_ptr_nonnull(
		strstr(text, "evil\\xe2\\x80\\xaetxt.exe\\xe2\\x80\\xa8line\\xc2\\x9b31m"));
	free(text);
	text = text_of(&(struct ap_report_options){.tree_depth = 10});
	assert_narrow(text);
	free(text);
}
END_TEST

START_TEST(a_new_report_names_every_function_through_the_symbolizer)
{
	const uint32_t f = report_fixture_function(&fx, "not asked", NULL, 0);

	fx.functions[f].module = -1;
	report_fixture_calls(&fx, f, 3, MS);
	struct ap_symbolizer *symbolizer =
		ap_symbolizer_new(NULL, 0, &(struct ap_symbolizer_options){0});
	ck_assert_ptr_nonnull(symbolizer);
	struct ap_report *report = ap_report_new(&fx.profile, symbolizer);
	ck_assert_ptr_nonnull(report);
	ck_assert_uint_eq(report->order_n, 1);
	ck_assert_uint_eq(report->order[0], f);
	ck_assert_str_eq(report->symbols[f].name, "(unknown 1)");
	ck_assert_str_eq(report->symbols[AP_ID_ROOT].name, "(root)");
	ck_assert_str_eq(report->symbols[AP_ID_DEEPER].name, "(deeper)");
	ck_assert_str_eq(report->symbols[AP_ID_OTHER].name, "(other)");
	ck_assert_str_eq(report->symbols[AP_ID_FORKED].name, "(forked)");
	ck_assert_ptr_null(ap_report_free(report));
	ap_symbolizer_free(symbolizer);
}
END_TEST

static void add_text_tests(TCase *tc)
{
	tcase_add_test(tc, the_report_of_a_busy_program_reads_like_this);
	tcase_add_test(tc, an_empty_report_says_why_and_what_to_do);
	tcase_add_test(tc, a_failed_identity_is_loud);
	tcase_add_test(tc, dropped_and_pending_events_are_part_of_the_equation);
	tcase_add_test(tc, data_quality_names_everything_that_was_lost_or_guessed);
	tcase_add_test(tc, what_is_estimated_or_partial_is_marked);
	tcase_add_test(tc, quantiles_need_ten_calls_above_them);
	tcase_add_test(tc, memory_is_a_section_from_half_of_the_limit_on);
	tcase_add_test(tc, the_busiest_threads_are_shown_and_all_when_asked);
	tcase_add_test(tc, deep_stacks_of_open_calls_show_their_innermost_frames);
	tcase_add_test(tc, frames_from_the_parent_have_time_but_no_calls);
	tcase_add_test(tc, calls_that_took_no_time_are_listed);
	tcase_add_test(tc, color_is_there_only_when_asked_for_and_changes_nothing_else);
	tcase_add_test(tc, hostile_names_stay_inside_the_page_and_do_nothing);
}

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *tc = tcase_create("report");

	tcase_add_checked_fixture(tc, setup, teardown);
	add_text_tests(tc);
	tcase_add_loop_test(tc, every_end_is_told, 0, ENDINGS);
	tcase_add_test(tc, a_new_report_names_every_function_through_the_symbolizer);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
