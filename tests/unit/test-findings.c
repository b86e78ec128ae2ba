/* SPDX-License-Identifier: MIT */
/* tests/unit/test-findings.c - every rule from both sides of its threshold: what is just below is
 * quiet. */
#include <string.h>

#include "report/findings.h"
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

static void assert_finding(const char *rule, const char *severity, double value, double threshold)
{
	const struct ap_finding *finding = report_fixture_finding(&fx, rule);

	ck_assert_msg(finding != NULL, "%s did not fire", rule);
	ck_assert_str_eq(finding->severity, severity);
	ck_assert_double_eq_tol(finding->value, value, 1e-6 * value);
	ck_assert_double_eq(finding->threshold, threshold);
	ck_assert(finding->evidence_n > 0 && finding->recommendation);
}

static void assert_quiet(const char *rule)
{
	const struct ap_finding *finding = report_fixture_finding(&fx, rule);

	ck_assert_msg(finding == NULL, "%s fired: %s", rule, finding ? finding->message : "");
}

static bool says(const char *rule, const char *words)
{
	const struct ap_finding *finding = report_fixture_finding(&fx, rule);

	if (!finding)
		return false;
	for (size_t i = 0; i < finding->evidence_n; i++) {
		if (strstr(finding->evidence[i], words))
			return true;
	}
	return strstr(finding->message, words) || strstr(finding->recommendation, words);
}

START_TEST(a_healthy_process_has_no_finding)
{
	const uint32_t main_id = report_fixture_function(&fx, "main", "main.c", 3);
	char names[8][8];

	report_fixture_calls(&fx, main_id, 1, 10 * MS);
	for (int i = 0; i < 8; i++) {
		snprintf(names[i], sizeof(names[i]), "work%d", i);
		report_fixture_calls(&fx, report_fixture_function(&fx, names[i], "work.c", 10 + i),
				     1000, MS / 10);
	}
	ck_assert_uint_eq(report_fixture_build(&fx)->findings_n, 0);
}
END_TEST

START_TEST(an_empty_profile_has_no_finding)
{
	ck_assert_uint_eq(report_fixture_build(&fx)->findings_n, 0);
}
END_TEST

/* hot_function */

/* @hot of 1000 ms are "hot", the rest is spread over four functions. */
static uint32_t heat(uint64_t hot_us)
{
	const uint32_t hot = report_fixture_function(&fx, "hot", "src/hot.c", 42);

	report_fixture_calls(&fx, hot, 1, hot_us * 1000);
	for (int i = 0; i < 4; i++)
		report_fixture_calls(&fx, report_fixture_function(&fx, "cold", "cold.c", 1), 1,
				     (1000000 - hot_us) * 250);
	return hot;
}

START_TEST(a_quarter_of_the_self_time_is_quiet)
{
	heat(250000);
	assert_quiet("hot_function");
}
END_TEST

START_TEST(more_than_a_quarter_is_a_hint_that_names_function_line_and_caller)
{
	const uint32_t hot = heat(250100);
	const uint32_t caller = report_fixture_function(&fx, "outer", "outer.c", 5);

	fx.functions[caller].calls = 1;
	report_fixture_node(&fx, report_fixture_node(&fx, AP_ID_ROOT, caller, 1, SECOND), hot, 1,
			    MS);
	assert_finding("hot_function", AP_SEVERITY_INFO, 25.01, 25);
	ck_assert(says("hot_function", "hot holds 25.0 % of the self time."));
	ck_assert(says("hot_function", "Make hot (src/hot.c:42) cheaper, let it wait less, or call "
				       "it less often from outer."));
}
END_TEST

START_TEST(of_calls_that_were_more_the_self_time_a_call_is_less)
{
	fx.functions[heat(250100)].calls_known = AP_CALLS_MORE;
	ck_assert(says("hot_function", "in >1 calls, <250 ms self a call"));
}
END_TEST

static void long_busy_run(void)
{
	fx.profile.process.duration_ns = 10 * SECOND;
	fx.profile.process.cpu_ns = 5 * SECOND;
}

START_TEST(most_of_a_long_busy_run_in_one_function_is_a_warning)
{
	heat(800100);
	long_busy_run();
	assert_finding("hot_function", AP_SEVERITY_WARNING, 80.01, 25);
}
END_TEST

START_TEST(a_hot_function_only_warns_beyond_each_of_three_limits)
{
	heat(_i == 0 ? 800000 : 800100);
	long_busy_run();
	if (_i == 1)
		fx.profile.process.duration_ns--;
	if (_i == 2)
		fx.profile.process.cpu_ns--;
	assert_finding("hot_function", AP_SEVERITY_INFO, _i == 0 ? 80 : 80.01, 25);
}
END_TEST

START_TEST(a_hot_function_of_an_idle_process_is_said_to_wait)
{
	heat(900000);
	fx.profile.process.cpu_ns = SECOND / 10;
	ck_assert(says("hot_function",
		       "used little CPU: find out what hot (src/hot.c:42) waits for"));
}
END_TEST

START_TEST(hot_functions_need_ten_milliseconds_and_company)
{
	const uint32_t hot = report_fixture_function(&fx, "hot", "hot.c", 1);

	report_fixture_calls(&fx, hot, 1, 10 * MS);
	assert_quiet("hot_function"); /* alone */
	const uint32_t cold = report_fixture_function(&fx, "cold", "cold.c", 1);
	fx.functions[cold].calls = 1;
	assert_finding("hot_function", AP_SEVERITY_INFO, 100, 25);
	fx.functions[hot].self_ns--;
	assert_quiet("hot_function");
}
END_TEST

START_TEST(paths_that_were_joined_are_no_hot_function)
{
	heat(100000);
	fx.functions[AP_ID_DEEPER].calls = 7;
	fx.functions[AP_ID_DEEPER].self_ns = 10 * SECOND;
	assert_quiet("hot_function");
}
END_TEST

/* cpu_high */

START_TEST(cpu_is_high_above_80_percent_of_the_effective_cores)
{
	heat(200000);
	fx.profile.process.cpu_ns = 3200 * MS; /* of 2 s on 2 cores */
	assert_quiet("cpu_high");
	fx.profile.process.cpu_ns += 4 * MS;
	assert_finding("cpu_high", AP_SEVERITY_INFO, 80.1, 80);
	ck_assert(says("cpu_high", "3.20 s of CPU time in 2.00 s: 1.60 of 2.00 cores"));
	ck_assert(says("cpu_high", "Begin with cold (cold.c:1)") ||
		  says("cpu_high", "Begin with hot (src/hot.c:42)"));
	/* A quota of half a core: the same CPU time weighs more. */
	fx.profile.process.cpu_ns = 802 * MS;
	fx.profile.process.limits.cpu_millicores = 500;
	assert_finding("cpu_high", AP_SEVERITY_INFO, 80.2, 80);
}
END_TEST

START_TEST(one_busy_core_of_two_is_quiet)
{
	fx.profile.process.cpu_ns = fx.profile.process.duration_ns;
	assert_quiet("cpu_high");
}
END_TEST

START_TEST(high_cpu_is_a_warning_from_ten_seconds_on_and_nothing_below_one)
{
	fx.profile.process.limits.cpu_millicores = 1000;
	fx.profile.process.duration_ns = fx.profile.process.cpu_ns = 10 * SECOND;
	assert_finding("cpu_high", AP_SEVERITY_WARNING, 100, 80);
	fx.profile.process.duration_ns--;
	assert_finding("cpu_high", AP_SEVERITY_INFO, 100, 80);
	fx.profile.process.duration_ns = fx.profile.process.cpu_ns = SECOND;
	assert_finding("cpu_high", AP_SEVERITY_INFO, 100, 80);
	fx.profile.process.duration_ns--;
	assert_quiet("cpu_high");
}
END_TEST

START_TEST(cpu_of_unknown_cores_is_not_judged)
{
	fx.profile.process.limits.cpu_millicores = 0;
	fx.profile.process.cpu_ns = 100 * SECOND;
	assert_quiet("cpu_high");
}
END_TEST

/* latency_p99 */

static uint32_t slow_function(const char *name, uint64_t fast, uint64_t critical)
{
	const uint32_t f = report_fixture_function(&fx, name, "slow.c", 7);

	report_fixture_calls(&fx, f, fast, MS);
	report_fixture_calls(&fx, f, critical, 600 * MS);
	return f;
}

START_TEST(one_percent_of_critical_calls_is_quiet_and_one_more_is_not)
{
	slow_function("query", 9900, 100);
	assert_quiet("latency_p99");
	report_fixture_clear(&fx);
	report_fixture_init(&fx);
	slow_function("query", 9899, 101);
	const struct ap_finding *finding = report_fixture_finding(&fx, "latency_p99");
	ck_assert_ptr_nonnull(finding);
	ck_assert_str_eq(finding->severity, AP_SEVERITY_WARNING);
	ck_assert_str_eq(finding->unit, "ns");
	ck_assert_double_eq(finding->threshold, 500e6);
	ck_assert_double_eq_tol(finding->value, 600e6, 600e6 * 0.011);
	ck_assert(
		says("latency_p99",
		     "1.01 % of its calls (101 of 10000) took 500 ms or more, the slowest 600 ms"));
	ck_assert(says("latency_p99", "query (slow.c:7) itself"));
}
END_TEST

START_TEST(critical_calls_begin_at_exactly_500_ms)
{
	const uint32_t f = report_fixture_function(&fx, "edge", "edge.c", 1);

	report_fixture_calls(&fx, f, 100, 500 * MS - 1);
	assert_quiet("latency_p99");
	report_fixture_calls(&fx, f, 2, 500 * MS);
	const struct ap_finding *finding = report_fixture_finding(&fx, "latency_p99");
	ck_assert_ptr_nonnull(finding);
	/* The quantile of the histogram may lie below, the count does not: they agree in the
	 * report. */
	ck_assert_double_ge(finding->value, 500e6);
}
END_TEST

START_TEST(more_than_five_percent_of_critical_calls_is_critical)
{
	slow_function("query", 950, 50);
	ck_assert_str_eq(report_fixture_finding(&fx, "latency_p99")->severity, AP_SEVERITY_WARNING);
	report_fixture_calls(&fx, AP_ID_FIRST, 1, 600 * MS);
	ck_assert_str_eq(report_fixture_finding(&fx, "latency_p99")->severity,
			 AP_SEVERITY_CRITICAL);
}
END_TEST

START_TEST(latency_needs_a_hundred_calls)
{
	const uint32_t f = slow_function("query", 0, 99);

	assert_quiet("latency_p99");
	report_fixture_calls(&fx, f, 1, MS);
	ck_assert_ptr_nonnull(report_fixture_finding(&fx, "latency_p99"));
}
END_TEST

START_TEST(a_function_that_only_waits_for_callees_is_not_slow_itself)
{
	const uint32_t f = slow_function("handler", 0, 100);

	fx.functions[f].self_ns = fx.functions[f].total_ns / 10;
	assert_quiet("latency_p99");
	fx.functions[f].self_ns++;
	ck_assert_ptr_nonnull(report_fixture_finding(&fx, "latency_p99"));
}
END_TEST

/* handler, slow by itself too, calls query, which takes @ms of its 60 s. */
static void caller_and_callee(uint64_t ms)
{
	const uint32_t handler = slow_function("handler", 0, 100);
	const uint32_t query = slow_function("query", 0, 100);
	const uint32_t step = report_fixture_function(&fx, "step", "step.c", 1);
	uint32_t node = report_fixture_node(&fx, AP_ID_ROOT, handler, 100, 60 * SECOND);

	fx.functions[step].calls = 100;
	fx.functions[handler].self_ns = 20 * SECOND;
	node = report_fixture_node(&fx, node, step, 100, ms * MS);
	report_fixture_node(&fx, node, query, 100, ms * MS);
}

START_TEST(a_caller_yields_to_the_callee_that_takes_most_of_its_time)
{
	caller_and_callee(30001);
	const struct ap_finding *finding = report_fixture_finding(&fx, "latency_p99");
	ck_assert_ptr_nonnull(finding);
	ck_assert(strncmp(finding->message, "query ", 6) == 0);
	ck_assert_uint_eq(fx.report->findings_n, 2); /* and the hint that query is hot */
}
END_TEST

START_TEST(a_caller_with_half_of_the_time_of_its_own_does_not_yield)
{
	caller_and_callee(30000);
	const struct ap_report *report = report_fixture_build(&fx);
	unsigned named = 0;
	for (size_t i = 0; i < report->findings_n; i++) {
		if (strcmp(report->findings[i].rule, "latency_p99") == 0)
			named++;
	}
	ck_assert_uint_eq(named, 2);
}
END_TEST

/* memory_pressure */

START_TEST(memory_is_under_pressure_above_85_percent_of_the_limit)
{
	fx.profile.process.limits.memory_bytes = 100u << 20;
	fx.profile.process.max_rss_bytes = 85u << 20;
	assert_quiet("memory_pressure");
	fx.profile.process.max_rss_bytes = 86u << 20;
	assert_finding("memory_pressure", AP_SEVERITY_WARNING, 86, 85);
	ck_assert(says("memory_pressure", "peak 86.0 MiB resident, cgroup limit 100 MiB"));
	fx.profile.process.max_rss_bytes = 95u << 20;
	assert_finding("memory_pressure", AP_SEVERITY_WARNING, 95, 85);
	fx.profile.process.max_rss_bytes = 96u << 20;
	assert_finding("memory_pressure", AP_SEVERITY_CRITICAL, 96, 85);
}
END_TEST

START_TEST(the_smallest_limit_counts_and_unknown_ones_do_not)
{
	fx.profile.process.max_rss_bytes = 86u << 20;
	fx.profile.process.limits.memory_bytes = 1u << 30;
	fx.profile.process.limits.host_memory_bytes = 100u << 20;
	assert_finding("memory_pressure", AP_SEVERITY_WARNING, 86, 85);
	ck_assert(says("memory_pressure", "of the memory of the machine"));
	fx.profile.process.limits.memory_bytes = 95u << 20;
	fx.profile.process.limits.memory_from = AP_LIMIT_RLIMIT_AS;
	assert_finding("memory_pressure", AP_SEVERITY_WARNING, 100 * 86 / 95.0, 85);
	ck_assert(says("memory_pressure", "of the RLIMIT_AS"));
	fx.profile.process.limits = (struct ap_limits){0};
	assert_quiet("memory_pressure");
}
END_TEST

/* creation_rate */

START_TEST(creating_more_than_10000_a_minute_is_a_warning)
{
	fx.profile.process.duration_ns = 60 * SECOND;
	fx.profile.process.threads_created = 9000;
	fx.profile.process.processes_created = 1000;
	assert_quiet("creation_rate");
	fx.profile.process.processes_created++;
	assert_finding("creation_rate", AP_SEVERITY_WARNING, 10001, 10000);
	ck_assert(says("creation_rate", "9000 threads and 1001 processes created in 60.0 s"));
}
END_TEST

START_TEST(creation_needs_a_thousand_and_five_seconds)
{
	fx.profile.process.duration_ns = 5 * SECOND;
	fx.profile.process.threads_created = 999; /* 11988 a minute */
	assert_quiet("creation_rate");
	fx.profile.process.threads_created = 1000;
	assert_finding("creation_rate", AP_SEVERITY_WARNING, 12000, 10000);
	fx.profile.process.duration_ns--;
	assert_quiet("creation_rate");
}
END_TEST

START_TEST(creation_names_what_the_threads_were_created_for)
{
	const uint32_t main_id = report_fixture_function(&fx, "main", "main.c", 3);
	const uint32_t worker = report_fixture_function(&fx, "worker", "pool.c", 33);

	report_fixture_calls(&fx, main_id, 1, 10 * SECOND);
	report_fixture_calls(&fx, worker, 6000, MS);
	report_fixture_node(&fx, AP_ID_ROOT, main_id, 1, 10 * SECOND);
	report_fixture_node(&fx, AP_ID_ROOT, worker, 6000, 6 * SECOND);
	fx.profile.process.duration_ns = 10 * SECOND;
	fx.profile.process.threads_created = 6000;
	ck_assert(says(
		"creation_rate",
		"Keep a pool of threads: 6000 times one was begun to run worker (pool.c:33)."));
	/* Processes are no threads. */
	fx.profile.process.processes_created = 7000;
	ck_assert(says("creation_rate", "most of the time passed in main (main.c:3)"));
}
END_TEST

/* tiny_functions: hooks cost 24 ns */

START_TEST(tiny_functions_are_named_when_their_hooks_take_a_tenth_of_the_run)
{
	const uint32_t get = report_fixture_function(&fx, "get<int, 2>(box const&)", "box.h", 9);

	fx.profile.process.cpu_ns = 2400 * MS;
	report_fixture_calls(&fx, get, 10000000, 23); /* 240 ms: exactly a tenth */
	assert_quiet("tiny_functions");
	report_fixture_calls(&fx, get, 1, 23);
	assert_finding("tiny_functions", AP_SEVERITY_INFO, 10.000001, 10);
	ck_assert(says("tiny_functions",
		       "get<int, 2>(box const&) (box.h:9): 10.0 M calls, 23 ns self a call"));
	ck_assert(says("tiny_functions", "-finstrument-functions-exclude-function-list=get (gcc"));
}
END_TEST

/* over_budget: of 2,400 ms of CPU time, counting took 240: 12 % of what the program would have taken without all hooks */

START_TEST(a_budget_that_counting_alone_passes_is_told)
{
	struct ap_profile_quality *quality = &fx.profile.quality;

	fx.profile.process.cpu_ns = 2400 * MS;
	quality->hook_gate_ns = 3;
	quality->counted_calls = 80000000;
	quality->overhead_pct = 20;
	assert_quiet("over_budget"); /* there is none */
	quality->budget_pct = 24;    /* out of the caches a call takes twice as long */
	assert_quiet("over_budget");
	quality->budget_pct = 23;
	assert_finding("over_budget", AP_SEVERITY_INFO, 24, 23);
	ck_assert(says("over_budget", "patch=on, on x86-64"));
	ck_assert(says("over_budget", "took ~12.0 to 24.0 % of CPU time"));
	ck_assert(says("over_budget",
		       "80.0 M calls at ~3.0 to 6.0 ns each; all hooks took ~20.0 % or more"));
	ck_assert(says("over_budget", "overhead=33%"));
	quality->patch = true;
	ck_assert(says("over_budget", "--exclude-flags`), or raise the budget"));
}
END_TEST

START_TEST(of_demoted_functions_the_counting_is_what_they_cost)
{
	const uint32_t get = report_fixture_function(&fx, "get", "box.h", 9);

	fx.profile.process.cpu_ns = 2400 * MS;
	fx.profile.quality.hook_gate_ns = 3;
	report_fixture_calls(&fx, get, 20000000, 23);
	fx.functions[get].counted_calls = 12000001; /* 8 M at 24 ns, 12 M at 3 */
	assert_quiet("tiny_functions");
	fx.functions[get].counted_calls = 11000000;
	assert_finding("tiny_functions", AP_SEVERITY_INFO, 10.375, 10);
	ck_assert(
		says("tiny_functions", "20.0 M calls at ~12.4 ns each, most of them counted only"));
}
END_TEST

START_TEST(tiny_functions_tell_how_well_their_calls_are_known)
{
	const uint32_t get = report_fixture_function(&fx, "get", "/usr/include/box.h", 9);
	const uint32_t put = report_fixture_function(&fx, "put", "box.c", 9);

	fx.profile.process.cpu_ns = 2400 * MS;
	fx.profile.quality.hook_gate_ns = 3;
	report_fixture_calls(&fx, get, 20000000, 1);
	report_fixture_calls(&fx, put, 20000000, 20);
	fx.functions[get].counted_calls = fx.functions[get].missed_calls = 9000000;
	fx.functions[get].calls_known = AP_CALLS_ESTIMATED;
	fx.functions[put].calls_known = AP_CALLS_MORE;
	ck_assert(says(
		"tiny_functions",
		">40.0 M calls at ~18.6 ns each, most of them counted only, or not even that"));
	ck_assert(says("tiny_functions", "1 functions of system headers: ~20.0 M calls"));
	ck_assert(says("tiny_functions", "put (box.c:9): >20.0 M calls, <20 ns self a call"));
}
END_TEST

START_TEST(a_function_that_does_as_much_as_its_hooks_is_not_tiny)
{
	const uint32_t f = report_fixture_function(&fx, "add", "add.c", 1);

	report_fixture_calls(&fx, f, 100000000, 24);
	assert_quiet("tiny_functions");
	fx.functions[f].self_ns--;
	ck_assert_ptr_nonnull(report_fixture_finding(&fx, "tiny_functions"));
	fx.profile.quality.hook_ns = 0; /* unknown */
	assert_quiet("tiny_functions");
}
END_TEST

/* All */

START_TEST(findings_are_sorted_critical_warning_info)
{
	heat(500000);
	fx.profile.process.limits.memory_bytes = fx.profile.process.max_rss_bytes;
	fx.profile.process.duration_ns = 10 * SECOND;
	fx.profile.process.cpu_ns = 18 * SECOND;
	const struct ap_report *report = report_fixture_build(&fx);
	ck_assert_uint_eq(report->findings_n, 3);
	ck_assert_str_eq(report->findings[0].rule, "memory_pressure");
	ck_assert_str_eq(report->findings[0].severity, AP_SEVERITY_CRITICAL);
	ck_assert_str_eq(report->findings[1].rule, "cpu_high");
	ck_assert_str_eq(report->findings[1].severity, AP_SEVERITY_WARNING);
	ck_assert_str_eq(report->findings[2].rule, "hot_function");
	ck_assert_str_eq(report->findings[2].severity, AP_SEVERITY_INFO);
}
END_TEST

START_TEST(a_place_is_file_and_line_or_module_or_nothing)
{
	char deep[512];

	memset(deep, 'd', sizeof(deep) - 1);
	memcpy(deep + 500, "/file.c", 8);
	ck_assert_str_eq(
		ap_finding_place(&(struct ap_symbol){.name = "f", .file = "a/b.c", .line = 3}).text,
		" (a/b.c:3)");
	ck_assert_str_eq(ap_finding_place(&(struct ap_symbol){.name = "f", .file = "a/b.c"}).text,
			 " (a/b.c)");
	ck_assert_str_eq(
		ap_finding_place(&(struct ap_symbol){.name = "f", .module = "libx.so"}).text,
		" (libx.so)");
	ck_assert_str_eq(ap_finding_place(&(struct ap_symbol){.name = "libx.so+0x12",
							      .module = "libx.so",
							      .guessed = true})
				 .text,
			 "");
	const struct ap_place place =
		ap_finding_place(&(struct ap_symbol){.name = "f", .file = deep, .line = 123456});
	ck_assert(strncmp(place.text, " (...ddd", 8) == 0);
	ck_assert_ptr_nonnull(strstr(place.text, "ddd/file.c:123456)"));
}
END_TEST

static void add_hot_tests(TCase *tc)
{
	tcase_add_test(tc, a_quarter_of_the_self_time_is_quiet);
	tcase_add_test(tc, more_than_a_quarter_is_a_hint_that_names_function_line_and_caller);
	tcase_add_test(tc, of_calls_that_were_more_the_self_time_a_call_is_less);
	tcase_add_test(tc, most_of_a_long_busy_run_in_one_function_is_a_warning);
	tcase_add_loop_test(tc, a_hot_function_only_warns_beyond_each_of_three_limits, 0, 3);
	tcase_add_test(tc, a_hot_function_of_an_idle_process_is_said_to_wait);
	tcase_add_test(tc, hot_functions_need_ten_milliseconds_and_company);
	tcase_add_test(tc, paths_that_were_joined_are_no_hot_function);
}

static void add_latency_tests(TCase *tc)
{
	tcase_add_test(tc, one_percent_of_critical_calls_is_quiet_and_one_more_is_not);
	tcase_add_test(tc, critical_calls_begin_at_exactly_500_ms);
	tcase_add_test(tc, more_than_five_percent_of_critical_calls_is_critical);
	tcase_add_test(tc, latency_needs_a_hundred_calls);
	tcase_add_test(tc, a_function_that_only_waits_for_callees_is_not_slow_itself);
	tcase_add_test(tc, a_caller_yields_to_the_callee_that_takes_most_of_its_time);
	tcase_add_test(tc, a_caller_with_half_of_the_time_of_its_own_does_not_yield);
}

static void add_process_tests(TCase *tc)
{
	tcase_add_test(tc, cpu_is_high_above_80_percent_of_the_effective_cores);
	tcase_add_test(tc, one_busy_core_of_two_is_quiet);
	tcase_add_test(tc, high_cpu_is_a_warning_from_ten_seconds_on_and_nothing_below_one);
	tcase_add_test(tc, cpu_of_unknown_cores_is_not_judged);
	tcase_add_test(tc, memory_is_under_pressure_above_85_percent_of_the_limit);
	tcase_add_test(tc, the_smallest_limit_counts_and_unknown_ones_do_not);
	tcase_add_test(tc, creating_more_than_10000_a_minute_is_a_warning);
	tcase_add_test(tc, creation_needs_a_thousand_and_five_seconds);
	tcase_add_test(tc, creation_names_what_the_threads_were_created_for);
}

int main(void)
{
	Suite *suite = suite_create("findings");
	TCase *tc = tcase_create("findings");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_healthy_process_has_no_finding);
	tcase_add_test(tc, an_empty_profile_has_no_finding);
	add_hot_tests(tc);
	add_latency_tests(tc);
	add_process_tests(tc);
	tcase_add_test(tc, tiny_functions_are_named_when_their_hooks_take_a_tenth_of_the_run);
	tcase_add_test(tc, a_budget_that_counting_alone_passes_is_told);
	tcase_add_test(tc, of_demoted_functions_the_counting_is_what_they_cost);
	tcase_add_test(tc, tiny_functions_tell_how_well_their_calls_are_known);
	tcase_add_test(tc, a_function_that_does_as_much_as_its_hooks_is_not_tiny);
	tcase_add_test(tc, findings_are_sorted_critical_warning_info);
	tcase_add_test(tc, a_place_is_file_and_line_or_module_or_nothing);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
