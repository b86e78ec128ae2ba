/* SPDX-License-Identifier: MIT */
/* tests/unit/test-report-json.c - the whole report as JSON: its figures, its names, and its schema. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

START_TEST(quantiles_follow_the_values)
{
	const uint32_t f = report_fixture_function(&fx, "f", "f.c", 1);
	const struct ap_profile_function *function = &fx.functions[f];

	report_fixture_calls(&fx, f, 500, 1000);
	report_fixture_calls(&fx, f, 400, 10000);
	report_fixture_calls(&fx, f, 100, 100000);
	char *json = report_fixture_write(&fx, &ap_writer_json, NULL, NULL);
	json_t *report = json_loads(json, 0, NULL);
	const json_t *row = json_array_get(json_object_get(report, "functions"), 0);
	static const struct {
		const char *key;
		double ns;
	} expected[] = {{"p50_ns", 1000},
			{"p75_ns", 10000},
			{"p90_ns", 10000},
			{"p95_ns", 1e5},
			{"p99_9_ns", 1e5}};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const double got =
			(double)json_integer_value(json_object_get(row, expected[i].key));
		ck_assert_double_eq_tol(got, expected[i].ns, 0.011 * expected[i].ns);
	}
	ck_assert_int_eq(json_integer_value(json_object_get(row, "avg_ns")), 14500);
	/* sqrt((500*1000^2 + 400*10000^2 + 100*100000^2)/1000 - 14500^2) */
	ck_assert_int_eq(json_integer_value(json_object_get(row, "stddev_ns")), 28814);
	ck_assert_uint_eq(function->max_ns, 100000);
	json_decref(report);
	free(json);
}
END_TEST

START_TEST(hostile_names_come_out_of_the_json_as_they_were)
{
	report_fixture_hostile(&fx);
	char *text = report_fixture_write(&fx, &ap_writer_json, NULL, NULL);
	json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const json_t *functions = json_object_get(report, "functions");
	unsigned seen = 0;

	ck_assert_ptr_nonnull(report);
	ck_assert_ptr_null(strstr(text, "</script"));
	for (const unsigned char *c = (unsigned char *)text; *c; c++)
		ck_assert(*c >= 0x20 || *c == '\n' || *c == '\t');
	for (size_t i = 0; i < json_array_size(functions); i++) {
		const char *name =
			json_string_value(json_object_get(json_array_get(functions, i), "name"));
		for (size_t k = 0; k < FIXTURE_NAMES; k++)
			seen += strcmp(name, report_fixture_names[k]) == 0;
	}
	ck_assert_uint_eq(seen, FIXTURE_NAMES - 1); /* all but the one that is no UTF-8 */
	ck_assert_ptr_nonnull(strstr(
		text,
		"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
	json_decref(report);
	free(text);
}
END_TEST

/* What stands at "member/index/member" in @report, as JSON: returns new. */
static char *json_at(const json_t *report, const char *path)
{
	const json_t *at = report;
	char *copy = strdup(path);

	for (char *step = strtok(copy, "/"); step; step = strtok(NULL, "/"))
		at = json_is_array(at) ? json_array_get(at, strtoul(step, NULL, 10))
				       : json_object_get(at, step);
	free(copy);
	return json_dumps(at, JSON_ENCODE_ANY | JSON_REAL_PRECISION(8));
}

static const struct {
	const char *path, *value;
} busy_figures[] = {
	{"schema", "\"autoprof-report/1\""},
	{"process/exe", "\"/usr/bin/demo\""},
	{"process/pid", "4242"},
	{"process/duration_ns", "2000000000"},
	{"process/end", "\"exit\""},
	{"process/cpu_ns", "500000000"},
	{"process/cpu_cores", "2"},
	{"quality/events/attempted", "10020102"},
	{"quality/events/folded", "10020102"},
	{"quality/events/dropped/torn", "0"},
	{"quality/identity_holds", "true"},
	{"quality/hook_ns", "24"},
	{"quality/overhead_pct", "null"},
	{"summary/findings/0/rule", "\"latency_p99\""},
	{"summary/findings/0/severity", "\"warning\""},
	{"summary/findings/0/threshold", "500000000"},
	{"summary/findings/2/rule", "\"tiny_functions\""},
	{"functions/0/name", "\"query\""},
	{"functions/0/module", "\"demo\""},
	{"functions/0/offset", "\"0x2000\""},
	{"functions/0/file", "\"src/db/query.c\""},
	{"functions/0/line", "120"},
	{"functions/0/kind", "\"instrumented\""},
	{"functions/0/calls", "10000"},
	{"functions/0/open_calls", "1"},
	/* 9800 x 50 us + 20 x 60 ms + 30 x 150 ms + 150 x 600 ms, of 96,380 ms in all */
	{"functions/0/self_ns", "96190000000"},
	{"functions/0/total_ns", "96190000000"},
	{"functions/0/self_pct", "99.802864"},
	{"functions/0/min_ns", "50000"},
	{"functions/0/max_ns", "600000000"},
	{"functions/0/avg_ns", "9619000"},
	{"functions/0/categories/fast", "9800"},
	{"functions/0/categories/slow", "20"},
	{"functions/0/categories/very_slow", "30"},
	{"functions/0/categories/critical", "150"},
	{"functions/1/file", "null"},
	{"functions/3/total_ns", "1900000000"},
	/* (root) has no calls, and holds the tree together. */
	{"functions/4/name", "\"(root)\""},
	{"functions/4/kind", "\"synthetic\""},
	{"functions/4/module", "null"},
	{"functions/4/calls", "0"},
	{"call_tree/0/parent", "null"},
	{"call_tree/0/function", "4"},
	{"call_tree/2/id", "8"},
	{"call_tree/2/parent", "7"},
	{"call_tree/2/function", "0"},
	{"call_tree/2/calls", "10000"},
	{"threads/0/tid", "4242"},
	{"threads/0/live", "true"},
	{"threads/0/open_calls/1/function", "0"},
	{"threads/0/open_calls/1/age_ns", "1200000000"},
	{"threads/1/cpu_ns", "null"},
	{"memory/peak_rss_bytes", "10485760"},
	{"memory/limit_bytes", "1073741824"},
	{"memory/limit_from", "\"cgroup\""},
};

START_TEST(the_json_tells_the_figures_of_the_profile)
{
	report_fixture_busy(&fx);
	char *text = report_fixture_write(&fx, &ap_writer_json, NULL, NULL);
	json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	for (size_t i = 0; i < sizeof(busy_figures) / sizeof(busy_figures[0]); i++) {
		char *value = json_at(report, busy_figures[i].path);
		ck_assert_msg(value && strcmp(value, busy_figures[i].value) == 0,
			      "%s is %s, not %s", busy_figures[i].path, value ? value : "missing",
			      busy_figures[i].value);
		free(value);
	}
	ck_assert_uint_eq(json_array_size(json_object_get(report, "functions")), 5);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "call_tree")), 5);
	json_decref(report);
	free(text);
}
END_TEST

START_TEST(the_json_lists_as_many_functions_as_asked_for)
{
	report_fixture_busy(&fx);
	char *text = report_fixture_write(&fx, &ap_writer_json,
					  &(struct ap_report_options){.top = 1}, NULL);
	json_t *report = json_loads(text, 0, NULL);
	const json_t *tree = json_object_get(report, "call_tree");

	/* The hottest, and (root), which holds the tree together. */
	ck_assert_uint_eq(json_array_size(json_object_get(report, "functions")), 2);
	ck_assert(json_is_null(json_object_get(json_array_get(tree, 1), "function")));
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(tree, 2), "function")),
			 0);
	json_decref(report);
	free(text);
}
END_TEST

/* Schema */

static char directory[] = "/tmp/test-report.XXXXXX";

static void put_file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.json", directory, name);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* Writes the report of @make as a file to be validated. */
static void put_report(const char *name, void (*make)(struct report_fixture *),
		       const struct ap_report_options *options)
{
	report_fixture_clear(&fx);
	report_fixture_init(&fx);
	if (make)
		make(&fx);
	char *text = report_fixture_write(&fx, &ap_writer_json, options, NULL);
	put_file(name, text);
	free(text);
}

static void damaged_program(struct report_fixture *to)
{
	report_fixture_busy(to);
	to->profile.quality.identity_holds = false;
	to->profile.quality.attempted++;
	to->profile.quality.degraded = (AP_DEGRADED_HIST_LOST << 1) - 1;
	to->profile.quality.clock = "monotonic";
	to->profile.process.end = AP_PROFILE_SIGNAL;
	to->profile.process.signal = 9;
	to->profile.process.exit_status = -1;
	to->profile.process.limits = (struct ap_limits){0};
	to->functions[AP_ID_FIRST].total.coarse = true;
	to->functions[AP_ID_FIRST].self_ns = UINT64_MAX / 2;
	to->functions[AP_ID_DEEPER].calls = 4;
	report_fixture_node(to, AP_ID_DEEPER, AP_ID_FIRST, 4, MS);
	report_fixture_node(to, AP_ID_FORKED, AP_ID_FIRST, 4, MS);
}

/* More processes than are listed; of some calls it is not known how many there were. */
static void patched_program(struct report_fixture *to)
{
	report_fixture_tree(to);
	to->profile.quality.patch = true;
	to->functions[AP_ID_FIRST].calls_known = AP_CALLS_ESTIMATED;
	to->functions[AP_ID_FIRST + 1].calls_known = AP_CALLS_MORE;
	to->processes[0].calls -= 100;
	to->profile.more = (struct ap_profile_process_row){
		.processes = 7, .calls = 100, .calls_known = AP_CALLS_MORE};
}

START_TEST(the_json_has_no_error_of_calls_that_nobody_knows)
{
	patched_program(&fx);
	fx.functions[AP_ID_FIRST].missed_error = 1;
	char *text = report_fixture_write(&fx, &ap_writer_json, NULL, NULL);

	ck_assert_ptr_nonnull(strstr(text, "\"calls_known\": \"more\", \"calls_error_pct\": null"));
	ck_assert_ptr_nonnull(
		strstr(text, "\"calls_known\": \"estimated\", \"calls_error_pct\": 100"));
	ck_assert_ptr_nonnull(strstr(text, "\"calls_known\": \"exact\", \"calls_error_pct\": 0"));
	free(text);
}
END_TEST

/* Exit status of the validator for the files that @names, a shell pattern, says. */
static int validate(const char *names)
{
	const char *root = getenv("MESON_SOURCE_ROOT");
	char command[512];

	snprintf(command, sizeof(command), "%s/tests/support/validate-report %s/%s >&2",
		 root ? root : ".", directory, names);
	const int status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A report with @from replaced by @to: what the validator must refuse. */
static void put_forged(const char *name, const char *from, const char *to)
{
	char *text = report_fixture_write(&fx, &ap_writer_json, NULL, NULL);
	char *at = strstr(text, from);
	char *forged;

	ck_assert_msg(at != NULL, "%s", from);
	ck_assert_int_gt(
		asprintf(&forged, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), 0);
	put_file(name, forged);
	free(forged);
	free(text);
}

START_TEST(every_report_is_what_the_schema_promises)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	put_report("empty", NULL, NULL);
	put_report("busy", report_fixture_busy, NULL);
	put_report("tree", report_fixture_tree, NULL);
	put_report("top", report_fixture_busy, &(struct ap_report_options){.top = 1});
	put_report("hostile", report_fixture_hostile, NULL);
	put_report("damaged", damaged_program, NULL);
	put_report("patched", patched_program, NULL);
	ck_assert_int_eq(validate("*.json"), 0);
	/* And a validator that never says no proves nothing. */
	report_fixture_clear(&fx);
	report_fixture_init(&fx);
	report_fixture_busy(&fx);
	put_forged("forged-member", "\"self_pct\"", "\"self_percent\"");
	put_forged("forged-type", "\"calls\": 10000", "\"calls\": \"10000\"");
	put_forged("forged-negative", "\"calls\": 10000", "\"calls\": -1");
	put_forged("forged-order", "\"self_ns\": 96190000000", "\"self_ns\": 1");
	put_forged("forged-identity", "\"attempted\": 10020102", "\"attempted\": 10020103");
	put_forged("forged-parent", "\"parent\": 7", "\"parent\": 77");
	report_fixture_clear(&fx);
	report_fixture_init(&fx);
	report_fixture_tree(&fx);
	put_forged("forged-circle", "\"pid\": 4242, \"ppid\": 1, \"parent\": null",
		   "\"pid\": 4242, \"ppid\": 1, \"parent\": 2");
	put_forged("forged-row", "\"calls\": 10001", "\"calls\": 10002");
	put_forged("forged-number", "\"hook_ns\": 24", "\"hook_ns\": NaN");
	ck_assert_int_eq(validate("forged-member.json"), 1);
	ck_assert_int_eq(validate("forged-type.json"), 1);
	ck_assert_int_eq(validate("forged-negative.json"), 1);
	ck_assert_int_eq(validate("forged-order.json"), 1);
	ck_assert_int_eq(validate("forged-identity.json"), 1);
	ck_assert_int_eq(validate("forged-parent.json"), 1);
	ck_assert_int_eq(validate("forged-circle.json"), 1);
	ck_assert_int_eq(validate("forged-row.json"), 1);
	ck_assert_int_eq(validate("forged-number.json"), 2);
	char command[64];
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report-json");
	TCase *tc = tcase_create("report-json");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_json_tells_the_figures_of_the_profile);
	tcase_add_test(tc, quantiles_follow_the_values);
	tcase_add_test(tc, the_json_lists_as_many_functions_as_asked_for);
	tcase_add_test(tc, hostile_names_come_out_of_the_json_as_they_were);
	tcase_add_test(tc, the_json_has_no_error_of_calls_that_nobody_knows);
	tcase_add_test(tc, every_report_is_what_the_schema_promises);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
