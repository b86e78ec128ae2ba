/* SPDX-License-Identifier: MIT */
/* tests/unit/test-patch-choices.c - where ways meet: what is known is known for either, and never more than that. */
#include "patch/choices.h"

#include <stdlib.h>

#include "tests/support/ap_check.h"

#define A AP_VALUE_RANGE
#define B (AP_VALUE_RANGE + 7)
#define C (AP_VALUE_FOREIGN | 3)

static struct ap_choices choices;

static void forget(void)
{
	free(choices.all);
	choices = (struct ap_choices){0};
}

START_TEST(the_same_stays_what_it_is)
{
	ck_assert_uint_eq(ap_value_meet(&choices, A, A), A);
	ck_assert_uint_eq(ap_value_meet(&choices, AP_VALUE_UNKNOWN, A), AP_VALUE_UNKNOWN);
	ck_assert_uint_eq(ap_value_meet(&choices, B, AP_VALUE_UNKNOWN), AP_VALUE_UNKNOWN);
	ck_assert_uint_eq(choices.n, 0);
}
END_TEST

START_TEST(what_came_from_elsewhere_stays_so_whatever_it_meets)
{
	const uint32_t ab = ap_value_meet(&choices, A, B);

	ck_assert_uint_eq(ap_value_meet(&choices, AP_VALUE_ANY, A), AP_VALUE_ANY);
	ck_assert_uint_eq(ap_value_meet(&choices, ab, AP_VALUE_ANY), AP_VALUE_ANY);
	ck_assert_uint_eq(ap_value_meet(&choices, AP_VALUE_UNKNOWN, AP_VALUE_ANY), AP_VALUE_ANY);
}
END_TEST

START_TEST(one_of_several_is_the_same_in_whatever_order_they_come)
{
	const uint32_t ab = ap_value_meet(&choices, B, A);
	const uint32_t all = ap_value_meet(&choices, ab, C);

	ck_assert_uint_eq(ap_value_meet(&choices, A, B), ab);
	ck_assert_uint_eq(ap_value_meet(&choices, C, ap_value_meet(&choices, A, C)),
			  ap_value_meet(&choices, C, A));
	ck_assert_uint_eq(ap_value_meet(&choices, ap_value_meet(&choices, C, B), ab), all);
	ck_assert_uint_eq(ap_value_meet(&choices, all, ab), all);
	const struct ap_choice *choice = ap_value_choice(&choices, all);
	ck_assert_uint_eq(choice->n, 3);
	ck_assert(choice->values[0] == A && choice->values[1] == B && choice->values[2] == C);
	ck_assert_ptr_null(ap_value_choice(&choices, A));
	ck_assert_ptr_null(ap_value_choice(&choices, C));
}
END_TEST

START_TEST(one_of_too_many_is_unknown)
{
	uint32_t value = A;

	for (uint32_t i = 1; i < AP_CHOICE_MOST; i++) {
		value = ap_value_meet(&choices, value, A + i);
	}
	ck_assert_uint_eq(ap_value_choice(&choices, value)->n, AP_CHOICE_MOST);
	ck_assert_uint_eq(ap_value_meet(&choices, value, A + 1), value);
	ck_assert_uint_eq(ap_value_meet(&choices, value, A + AP_CHOICE_MOST), AP_VALUE_UNKNOWN);
}
END_TEST

START_TEST(more_choices_than_are_kept_are_unknown)
{
	uint32_t known = 0;

	for (uint32_t i = 1; i < 10000; i++) {
		known += ap_value_meet(&choices, A, A + i) != AP_VALUE_UNKNOWN;
	}
	ck_assert_uint_eq(known, choices.n);
	ck_assert_uint_lt(known, 10000 - 1);
	ck_assert_uint_ne(ap_value_meet(&choices, A, A + 1), AP_VALUE_UNKNOWN);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("patch-choices");
	TCase *meet = tcase_create("meet");

	tcase_add_checked_fixture(meet, NULL, forget);
	tcase_add_test(meet, the_same_stays_what_it_is);
	tcase_add_test(meet, what_came_from_elsewhere_stays_so_whatever_it_meets);
	tcase_add_test(meet, one_of_several_is_the_same_in_whatever_order_they_come);
	tcase_add_test(meet, one_of_too_many_is_unknown);
	tcase_add_test(meet, more_choices_than_are_kept_are_unknown);
	suite_add_tcase(s, meet);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
