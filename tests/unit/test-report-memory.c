/* SPDX-License-Identifier: MIT */
/* tests/unit/test-report-memory.c - each allocation of a report fails once: it is said so, and
 * nothing else happens.
 *
 * The functions below stand between report/ and libc (linked with --wrap). */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/build.h"
#include "tests/support/ap_check.h"
#include "tests/support/report_fixture.h"

static long allocations; /* since the last arm() */
static long failing;	 /* which of them fails; 0: none */

static bool labels_fail;

static void arm(long n)
{
	allocations = 0;
	failing = n;
}

static bool fails(void)
{
	return ++allocations == failing;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, n, size);
}

int __real_vasprintf(char **ret, const char *format, va_list args);
int __wrap_vasprintf(char **ret, const char *format, va_list args);
int __wrap_vasprintf(char **ret, const char *format, va_list args)
{
	/* What a failure leaves in *ret is undefined: make it something that must not be used. */
	*ret = (char *)16;
	return fails() ? -1 : __real_vasprintf(ret, format, args);
}

int __wrap_asprintf(char **ret, const char *format, ...);
int __wrap_asprintf(char **ret, const char *format, ...)
{
	va_list args;

	/* Labels of tables: the report is written without their places. */
	*ret = (char *)16;
	if (labels_fail)
		return -1;
	va_start(args, format);
	const int n = __real_vasprintf(ret, format, args);
	va_end(args);
	return n;
}

FILE *__real_open_memstream(char **ret, size_t *ret_size);
FILE *__wrap_open_memstream(char **ret, size_t *ret_size);
FILE *__wrap_open_memstream(char **ret, size_t *ret_size)
{
	return fails() ? NULL : __real_open_memstream(ret, ret_size);
}

static struct report_fixture fx;

/* Builds with the @n-th allocation failing. Return: the report, or NULL. */
static struct ap_report *build(long n)
{
	struct ap_symbol *symbols = malloc(sizeof(fx.symbols));

	ck_assert_ptr_nonnull(symbols);
	memcpy(symbols, fx.symbols, sizeof(fx.symbols));
	arm(n);
	struct ap_report *report = ap_report_build(&fx.profile, symbols);
	failing = 0;
	return report;
}

START_TEST(a_report_without_memory_is_no_report)
{
	report_fixture_init(&fx);
	report_fixture_busy(&fx);
	ap_report_free(build(0));
	const long all = allocations;
	ck_assert_int_gt(all, 20); /* three findings have many texts */
	for (long n = 1; n <= all; n++)
		ck_assert_msg(build(n) == NULL, "allocation %ld of %ld failed unnoticed", n, all);
	struct ap_report *report = build(all + 1);
	ck_assert_ptr_nonnull(report);
	ap_report_free(report);
	report_fixture_clear(&fx);
}
END_TEST

/* Writes with the @n-th allocation failing. */
static int write_report(const struct ap_writer *writer, const struct ap_report_options *options,
			long n)
{
	FILE *out = fopen("/dev/null", "w");

	ck_assert_ptr_nonnull(out);
	arm(n);
	const int status = writer->write(fx.report, options, out);
	failing = 0;
	fclose(out);
	return status;
}

static const struct {
	const struct ap_writer *writer;
	struct ap_report_options options;
} writings[] = {
	{&ap_writer_json, {0}},
	{&ap_writer_text, {0}},
	{&ap_writer_text, {.callers = "query"}},
	{&ap_writer_text, {.callees = "query"}},
	{&ap_writer_text, {.tree_depth = 9}},
};
#define WRITINGS 5

START_TEST(a_writer_without_memory_says_so)
{
	const struct ap_writer *writer = writings[_i].writer;
	const struct ap_report_options *options = &writings[_i].options;

	report_fixture_init(&fx);
	report_fixture_tree(&fx);
	report_fixture_build(&fx);
	ck_assert_int_eq(write_report(writer, options, 0), 0);
	const long all = allocations;
	ck_assert_int_gt(all, 0);
	for (long n = 1; n <= all; n++) {
		const int status = write_report(writer, options, n);
		ck_assert_msg(status == -ENOMEM, "allocation %ld of %ld: status %d", n, all,
			      status);
	}
	ck_assert_int_eq(write_report(writer, options, all + 1), 0);
	report_fixture_clear(&fx);
}
END_TEST

START_TEST(a_label_without_memory_is_the_name_alone)
{
	report_fixture_init(&fx);
	report_fixture_busy(&fx);
	labels_fail = true;
	char *text = report_fixture_write(&fx, &ap_writer_text, NULL, NULL);
	labels_fail = false;
	ck_assert_ptr_nonnull(strstr(text, "\n  1 query\n"));
	ck_assert_ptr_null(strstr(text, "(query.c:120)"));
	free(text);
	report_fixture_clear(&fx);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report-memory");
	TCase *tc = tcase_create("report-memory");

	tcase_add_test(tc, a_report_without_memory_is_no_report);
	tcase_add_loop_test(tc, a_writer_without_memory_says_so, 0, WRITINGS);
	tcase_add_test(tc, a_label_without_memory_is_the_name_alone);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
