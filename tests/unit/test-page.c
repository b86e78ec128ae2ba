/* SPDX-License-Identifier: MIT */
/* tests/unit/test-page.c - what an attendant writes into the first page of a spool. */
#include "monitor/page.h"

#include <unistd.h>

#include "tests/support/ap_check.h"

START_TEST(a_sample_says_when_its_cpu_time_was)
{
	static struct ap_spool_header header = {.clock_kind = AP_CLOCK_MONOTONIC};
	const uint64_t before = ap_page_now(&header);

	ap_page_sample(&header, getpid());
	const uint64_t after = ap_page_now(&header);
	ck_assert_uint_gt(header.usage.cpu_ns, 0);
	ck_assert_uint_ge(header.usage.cpu_at_ticks, before);
	ck_assert_uint_le(header.usage.cpu_at_ticks, header.usage.at_ticks);
	ck_assert_uint_le(header.usage.at_ticks, after);
}
END_TEST

START_TEST(a_sign_of_life_has_no_cpu_time)
{
	static struct ap_spool_header header = {.clock_kind = AP_CLOCK_MONOTONIC};

	header.usage.cpu_at_ticks = 5;
	ap_page_sign_of_life(&header);
	ck_assert_uint_gt(header.usage.at_ticks, 5);
	ck_assert_uint_eq(header.usage.cpu_at_ticks, 5);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("page");
	TCase *tests = tcase_create("page");

	tcase_add_test(tests, a_sample_says_when_its_cpu_time_was);
	tcase_add_test(tests, a_sign_of_life_has_no_cpu_time);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
