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

START_TEST(the_json_tells_the_figures_of_the_profile)
{
	report_fixture_busy(&fx);
	char *text = report_fixture_write(&fx, &ap_writer_json, NULL, NULL);
	json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *functions, *tree, *findings, *threads;
	const char *schema, *name, *offset, *file, *kind, *rule, *severity;
	json_int_t calls, total, self, line, fast, slow, very_slow, critical, attempted, parent,
		function, edge_calls;
	double share;
	int holds;

	ck_assert_int_eq(json_unpack(report, "{s:s, s:{s:{s:I}, s:b}, s:o, s:o, s:{s:o}, s:o}",
				     "schema", &schema, "quality", "events", "attempted",
				     &attempted, "identity_holds", &holds, "functions", &functions,
				     "call_tree", &tree, "summary", "findings", &findings,
				     "threads", &threads),
			 0);
	ck_assert_str_eq(schema, "autoprof-report/1");
	ck_assert_int_eq(attempted, 10020102);
	ck_assert(holds);
	ck_assert_int_eq(
		json_unpack(json_array_get(functions, 0),
			    "{s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:F, s:{s:I, s:I, s:I, s:I}}",
			    "name", &name, "offset", &offset, "file", &file, "line", &line, "kind",
			    &kind, "calls", &calls, "total_ns", &total, "self_ns", &self,
			    "self_pct", &share, "categories", "fast", &fast, "slow", &slow,
			    "very_slow", &very_slow, "critical", &critical),
		0);
	ck_assert_str_eq(name, "query");
	ck_assert_str_eq(offset, "0x2000");
	ck_assert_str_eq(file, "src/db/query.c");
	ck_assert_int_eq(line, 120);
	ck_assert_str_eq(kind, "instrumented");
	ck_assert_int_eq(calls, 10000);
	ck_assert_int_eq(self,
			 9800 * 50000ll + 20 * 60000000ll + 30 * 150000000ll + 150 * 600000000ll);
	ck_assert_int_eq(total, self);
	ck_assert_double_eq_tol(share, 100 * 96190.0 / (96190.0 + 40 + 50 + 100), 1e-5);
	ck_assert(fast == 9800 && slow == 20 && very_slow == 30 && critical == 150);
	/* (root), main, query, get, unknown; functions by self time, then (root). */
	ck_assert_uint_eq(json_array_size(functions), 5);
	ck_assert_uint_eq(json_array_size(tree), 5);
	ck_assert_int_eq(json_unpack(json_array_get(tree, 2), "{s:I, s:I, s:I}", "parent", &parent,
				     "function", &function, "calls", &edge_calls),
			 0);
	ck_assert(parent == 5 && function == 0 && edge_calls == 10000);
	ck_assert_uint_eq(json_array_size(findings), 3);
	ck_assert_int_eq(json_unpack(json_array_get(findings, 0), "{s:s, s:s}", "rule", &rule,
				     "severity", &severity),
			 0);
	ck_assert_str_eq(rule, "latency_p99");
	ck_assert_str_eq(severity, "warning");
	const json_t *open =
		json_array_get(json_object_get(json_array_get(threads, 0), "open_calls"), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(open, "function")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(open, "age_ns")), 1200 * MS);
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
	put_report("top", report_fixture_busy, &(struct ap_report_options){.top = 1});
	put_report("hostile", report_fixture_hostile, NULL);
	put_report("damaged", damaged_program, NULL);
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
	put_forged("forged-parent", "\"parent\": 5", "\"parent\": 55");
	put_forged("forged-number", "\"hook_ns\": 24", "\"hook_ns\": NaN");
	ck_assert_int_eq(validate("forged-member.json"), 1);
	ck_assert_int_eq(validate("forged-type.json"), 1);
	ck_assert_int_eq(validate("forged-negative.json"), 1);
	ck_assert_int_eq(validate("forged-order.json"), 1);
	ck_assert_int_eq(validate("forged-identity.json"), 1);
	ck_assert_int_eq(validate("forged-parent.json"), 1);
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
	tcase_add_test(tc, every_report_is_what_the_schema_promises);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
