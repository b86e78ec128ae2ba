/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-filters.c - the reader's side of what filters leave out. */
#include <string.h>

#include "spool/filter.h"
#include "tests/support/profile_fixture.h"

static uint64_t *matches(uint32_t n)
{
	struct ap_module *module = ap_builder_module_at(b, 0);

	b->hdr->filters = AP_FILTER_ON | AP_FILTER_BY_NAME;
	module->matches = ap_builder_alloc(b, n * sizeof(uint64_t));
	module->matches_n = n;
	return ap_builder_at(b, module->matches);
}

/* A calls B, which calls C, which calls A. */
static void a_round(void)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 100, 1);
	ap_fixture_enter(C, 150, 2);
	ap_fixture_enter(A, 160, 3);
	ap_fixture_exit(A, 170, 3);
	ap_fixture_exit(C, 180, 2);
	ap_fixture_exit(B, 400, 1);
	ap_fixture_exit(A, 1000, 0);
}

static void expect_left(uint32_t kind, uint64_t calls, uint64_t total, uint64_t self)
{
	const struct ap_profile_function *f = &p->functions[kind];

	ck_assert_uint_eq(f->calls, calls);
	ck_assert_uint_eq(f->total_ns, total);
	ck_assert_uint_eq(f->self_ns, self);
	ck_assert_int_eq(f->kind, AP_FUNCTION_SYNTHETIC);
}

START_TEST(below_a_root_all_is_recorded)
{
	matches(1)[0] = AP_FILTER_MATCH(B, AP_FILTER_IS_ROOT);
	b->hdr->filters |= AP_FILTER_ROOTS;
	a_round();

	ap_fixture_read();
	ap_fixture_expect(A, 1, 10, 10);
	ap_fixture_expect(B, 1, 300, 270);
	ap_fixture_expect(C, 1, 30, 20);
	expect_left(AP_ID_OUTSIDE, 1, 1000, 700);
	expect_left(AP_ID_LEFT_OUT, 0, 0, 0);
}
END_TEST

START_TEST(below_what_is_left_out_nothing_is)
{
	matches(1)[0] = AP_FILTER_MATCH(B, AP_FILTER_IS_NOTRACE);
	a_round();

	ap_fixture_read();
	ap_fixture_expect(A, 1, 1000, 700);
	expect_left(AP_ID_LEFT_OUT, 3, 300, 300);
	ck_assert_uint_eq(p->nodes_n, AP_ID_FIRST + 2);
	ck_assert_uint_eq(p->quality.pending, 8);
}
END_TEST

START_TEST(a_depth_ends_every_path)
{
	b->hdr->filters = AP_FILTER_ON;
	b->hdr->filter_depth = 2;
	a_round();

	ap_fixture_read();
	ap_fixture_expect(A, 1, 1000, 700);
	ap_fixture_expect(B, 1, 300, 270);
	expect_left(AP_ID_LEFT_OUT, 2, 30, 30);
}
END_TEST

START_TEST(an_object_that_is_not_wanted_is_outside_wherever_it_is_called)
{
	const uint32_t other = ap_builder_module(b, C, C + 0x100, "/usr/lib/other.so");

	b->hdr->filters = AP_FILTER_ON;
	ap_builder_module_at(b, other)->filter_level = AP_FILTER_IS_ELSEWHERE;
	ap_builder_module_at(b, 0)->end = C; /* no address is of two */
	a_round();

	ap_fixture_read();
	ap_fixture_expect(A, 2, 1000, 710);
	ap_fixture_expect(B, 1, 300, 270);
	expect_left(AP_ID_OUTSIDE, 1, 30, 20);
}
END_TEST

START_TEST(the_program_s_own_nodes_are_gone_on_with)
{
	matches(1)[0] = AP_FILTER_MATCH(B, AP_FILTER_IS_NOTRACE);
	const uint32_t a = ap_fixture_node(A);
	const uint32_t left = ap_builder_node(b, a, AP_ID_LEFT_OUT);
	ap_builder_leaf(b, 0, left, 25);
	ap_builder_folded(b, thread, 2, 0);
	a_round();

	ap_fixture_read();
	ck_assert_uint_eq(p->nodes[left].calls, 4);
	ck_assert_uint_eq(p->nodes[left].total_ns, 325);
	ck_assert_uint_eq(p->nodes_n, left + 1);
}
END_TEST

START_TEST(the_options_are_told_and_what_they_did_not_find)
{
	matches(1)[0] = AP_FILTER_MATCH(B, AP_FILTER_IS_NOTRACE);
	ap_builder_text(b, &b->hdr->filter_names[AP_FILTER_LIST_NOTRACE], "b,gone,lost");
	ap_builder_text(b, &b->hdr->filter_names[AP_FILTER_LIST_MODULES], "lib*");
	b->hdr->filter_missed[AP_FILTER_LIST_NOTRACE] = 6;
	b->hdr->filter_missed[AP_FILTER_LIST_MODULES] = UINT64_MAX;
	b->hdr->filter_depth = 9;

	ap_fixture_read();
	ck_assert_str_eq(p->quality.filters, "notrace=b,gone,lost:modules=lib*:depth=9");
	ck_assert_uint_eq(p->quality.notes_n, 3);
	ck_assert_str_eq(p->quality.notes[0], "notrace: there was no function 'gone'");
	ck_assert_str_eq(p->quality.notes[1], "notrace: there was no function 'lost'");
	ck_assert_str_eq(p->quality.notes[2], "modules: there was no file 'lib*'");
}
END_TEST

START_TEST(matches_out_of_the_file_are_damage)
{
	matches(1);
	ap_builder_module_at(b, 0)->matches_n = UINT32_MAX;
	a_round();
	ap_fixture_read();
	ap_fixture_expect(B, 1, 300, 270);
	ck_assert_msg(strstr(p->quality.notes[0], "damaged records of modules"), "%s",
		      p->quality.notes[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("profile-filters");
	TCase *tc = tcase_create("filters");

	tcase_add_checked_fixture(tc, ap_fixture_setup, ap_fixture_teardown);
	tcase_add_test(tc, below_a_root_all_is_recorded);
	tcase_add_test(tc, below_what_is_left_out_nothing_is);
	tcase_add_test(tc, a_depth_ends_every_path);
	tcase_add_test(tc, an_object_that_is_not_wanted_is_outside_wherever_it_is_called);
	tcase_add_test(tc, the_program_s_own_nodes_are_gone_on_with);
	tcase_add_test(tc, the_options_are_told_and_what_they_did_not_find);
	tcase_add_test(tc, matches_out_of_the_file_are_damage);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
