/* SPDX-License-Identifier: MIT */
/* tests/unit/test-demangle.c - mangled names of both languages, and names made to hurt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/symbolize.h"
#include "tests/support/ap_check.h"

static void assert_demangled(const char *linkage_name, const char *want)
{
	char *name = ap_demangle(linkage_name);

	if (want == NULL) {
		ck_assert_ptr_null(name);
	} else {
		ck_assert_ptr_nonnull(name);
		ck_assert_str_eq(name, want);
	}
	free(name);
}

START_TEST(cpp_names_are_demangled_with_their_parameters)
{
	assert_demangled("_ZN2ns1S1mEi", "ns::S::m(int)");
	assert_demangled("_ZN2ns1SC2Ev", "ns::S::S()");
	assert_demangled("_Z2tmIiET_S0_", "int tm<int>(int)");
	assert_demangled("_ZNSt6vectorIiSaIiEE9push_backERKi",
			 "std::vector<int, std::allocator<int> >::push_back(int const&)");
	assert_demangled("_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const");
	assert_demangled("_ZL5localv", "local()");
	assert_demangled("_Z1fi.constprop.0", "f(int) [clone .constprop.0]");
}
END_TEST

START_TEST(rust_legacy_names_lose_their_hash)
{
	assert_demangled("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE",
			 "core::fmt::Write::write_fmt");
	assert_demangled(
		"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
		"3bar17h930b740aa94f1d3aE",
		"<Test + 'static as foo::Bar<Test>>::bar");
}
END_TEST

START_TEST(rust_v0_names_are_demangled)
{
	assert_demangled("_RNvC6_123foo3bar", "123foo::bar");
	assert_demangled("_RNvMNtCs1234_7mycrate3fooINtB2_3BarmE3baz",
			 "<mycrate::foo::Bar<u32>>::baz");
}
END_TEST

START_TEST(names_that_are_not_mangled_give_null)
{
	assert_demangled("main", NULL);
	assert_demangled("_start", NULL);
	assert_demangled("", NULL);
	assert_demangled("_Z", NULL);
	assert_demangled("_ZNotMangled", NULL);
	assert_demangled("_R", NULL);
}
END_TEST

/* Longer than the demangler's own limit of 2 KiB, as names of templates are. */
START_TEST(a_template_name_of_five_thousand_bytes_is_demangled)
{
	enum { ARGUMENTS = 50 };
	char type[101] = "", mangled[8000] = "", want[8000] = "";
	size_t m = 0, w = 0;

	memset(type, 't', 100);
	m += (size_t)sprintf(mangled, "_Z1fIJ");
	w += (size_t)sprintf(want, "void f<");
	for (int i = 0; i < ARGUMENTS; i++) {
		m += (size_t)sprintf(mangled + m, "N2ns100%sE", type);
		w += (size_t)sprintf(want + w, "%sns::%s", i == 0 ? "" : ", ", type);
		type[99 - i]++;
	}
	m += (size_t)sprintf(mangled + m, "EEvv");
	sprintf(want + w, ">()");
	ck_assert_uint_gt(m, 5000);
	assert_demangled(mangled, want);
}
END_TEST

/* f<a, a pair of that, a pair of that pair ...>: the text doubles @times. Needs 4 KiB. */
static void write_doubling(char *mangled, int times)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t n = (size_t)sprintf(mangled, "_Z1fI1aS_IS0_S0_E");

	for (int i = 1; i <= times; i++) {
		char number[3] = {digits[i % 36]};

		if (i >= 36) {
			number[0] = digits[i / 36];
			number[1] = digits[i % 36];
		}
		n += (size_t)sprintf(mangled + n, "S_IS%s_S%s_E", number, number);
	}
	sprintf(mangled + n, "Evv");
}

START_TEST(a_name_that_explodes_is_given_up)
{
	char mangled[4096];

	write_doubling(mangled, 1);
	assert_demangled(mangled, "void f<a, f<a, a>, f<f<a, a>, f<a, a> > >()");
	write_doubling(mangled, 10); /* 40 KiB */
	char *name = ap_demangle(mangled);
	ck_assert_ptr_nonnull(name);
	ck_assert_uint_gt(strlen(name), 20000);
	free(name);
	write_doubling(mangled, 16); /* 2 MiB */
	assert_demangled(mangled, NULL);
	write_doubling(mangled, 60); /* more than there is */
	assert_demangled(mangled, NULL);
}
END_TEST

/* 'P' is a pointer to what follows: the parser recurses at each. */
START_TEST(a_deep_name_does_not_exhaust_the_stack)
{
	static const size_t lengths[] = {8000, 9000, 60000, 1 << 20};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		char *mangled = malloc(lengths[i] + 8);

		memcpy(mangled, "_Z1f", 4);
		memset(mangled + 4, 'P', lengths[i]);
		memcpy(mangled + 4 + lengths[i], "i", 2);
		free(ap_demangle(mangled));
		free(mangled);
	}
	assert_demangled("_Z1fPPPi", "f(int***)");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("demangle");
	TCase *tcase = tcase_create("demangle");

	tcase_add_test(tcase, cpp_names_are_demangled_with_their_parameters);
	tcase_add_test(tcase, rust_legacy_names_lose_their_hash);
	tcase_add_test(tcase, rust_v0_names_are_demangled);
	tcase_add_test(tcase, names_that_are_not_mangled_give_null);
	tcase_add_test(tcase, a_template_name_of_five_thousand_bytes_is_demangled);
	tcase_add_test(tcase, a_name_that_explodes_is_given_up);
	tcase_add_test(tcase, a_deep_name_does_not_exhaust_the_stack);
	suite_add_tcase(suite, tcase);
	return ap_check_main(suite);
}
