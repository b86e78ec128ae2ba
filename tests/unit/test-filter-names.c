/* SPDX-License-Identifier: MIT */
/* tests/unit/test-filter-names.c - which names a pattern is, and where names are found. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime.h"
#include "spool/filter.h"
#include "tests/support/ap_check.h"

START_TEST(a_pattern_is_a_whole_name)
{
	static const struct {
		const char *list, *name;
		uint64_t bits;
	} cases[] = {
		{"work", "work", 1},
		{"work", "worker", 0},
		{"work", "wor", 0},
		{"", "work", 0},
		{"work,other,wo*", "work", 5},
		{"*", "", 1},
		{"*", "anything", 1},
		{"w*k", "work", 1},
		{"w*k", "works", 0},
		{"*a*b*", "xxaxxbxx", 1},
		{"*a*b", "ab_ab_abc", 0},
		{"*a*b", "ab_abc_ab", 1},
		{"w?rk", "work", 1},
		{"w?rk", "wrk", 0},
		{"?", "", 0},
		{"**", "x", 1},
		{"geo::*", "geo::Point::norm", 1},
		{"a,,b", "b", 4},
		{"a*aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ck_assert_msg(ap_patterns_match(cases[i].list, cases[i].name) == cases[i].bits,
			      "'%s' and '%s'", cases[i].list, cases[i].name);
	}
	ck_assert_uint_eq(ap_patterns_count(""), 0);
	ck_assert_uint_eq(ap_patterns_count("a"), 1);
	ck_assert_uint_eq(ap_patterns_count("a,b,c"), 3);
}
END_TEST

/* Symbols as g++ 12, clang++ 14 and rustc make them. */
START_TEST(names_of_cxx_lose_their_arguments)
{
	static const struct {
		const char *symbol, *name; /* NULL: not told */
	} cases[] = {
		{"main", NULL},
		{"_Z", NULL},
		{"_Z4workPv", "work"},
		{"_ZL4leafi", "leaf"},
		{"_ZN3geo5PointC1Ei", "geo::Point::Point"},
		{"_ZN3geo5PointD2Ev", "geo::Point::~Point"},
		{"_ZNK3geo5Point4normEv", "geo::Point::norm"},
		{"_ZN3geo5twiceIiEET_S1_", "geo::twice"},
		{"_Z5twiceIN3geo5PointEEvT_", "twice"},
		{"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector::push_back"},
		{"_ZNSt6vectorISt4pairIN3geo5PointEA10_cESaIS3_EE5clearEv", "std::vector::clear"},
		{"_ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_", "std::move"},
		{"_ZN12_GLOBAL__N_14hideEv", "(anonymous namespace)::hide"},
		{"_ZN3boxILi12ELb1EE4openEv", "box::open"},
		{"_ZN3geo5PointplEi", NULL},
		{"_ZZ4mainENKUlvE_clEv", NULL},
		{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
		{"_ZN3geo", NULL},
		{"_ZN999geoE", NULL},
		{"_ZN3geo5twiceI", NULL},
		{"_ZN3geo5twiceILi", NULL},
		{"_ZN99999999999999999999geoE", NULL},
		{"_ZTV5Point", NULL},
	};
	char name[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const bool told = ap_pattern_qualified(cases[i].symbol, name, sizeof(name));
		ck_assert_msg(told == (cases[i].name != NULL), "%s", cases[i].symbol);
		ck_assert_msg(!told || strcmp(name, cases[i].name) == 0, "%s: %s", cases[i].symbol,
			      name);
	}
}
END_TEST

START_TEST(a_name_that_does_not_fit_is_not_told)
{
	char name[8];

	ck_assert(ap_pattern_qualified("_Z7seven77v", name, sizeof(name)));
	ck_assert_str_eq(name, "seven77");
	ck_assert(!ap_pattern_qualified("_Z8eight888v", name, sizeof(name)));
}
END_TEST

/* --- files ---------------------------------------------------------------------------------------------- */

static struct {
	Elf64_Ehdr header;
	Elf64_Shdr sections[3]; /* none, symbols, their names */
	Elf64_Sym symbols[4];
	char names[16];
} file;

static struct ap_elf elf;

static void make_file(void)
{
	memset(&file, 0, sizeof(file));
	memcpy(file.header.e_ident, ELFMAG, SELFMAG);
	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	file.header.e_shoff = (size_t)((char *)file.sections - (char *)&file);
	file.header.e_shentsize = sizeof(Elf64_Shdr);
	file.header.e_shnum = 3;
	file.sections[1] = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB,
		.sh_offset = (size_t)((char *)file.symbols - (char *)&file),
		.sh_size = sizeof(file.symbols),
		.sh_link = 2,
	};
	file.sections[2] = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = (size_t)(file.names - (char *)&file),
		.sh_size = sizeof(file.names),
	};
	memcpy(file.names, "\0work\0data\0away", sizeof(file.names));
	file.symbols[1] = (Elf64_Sym){1, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x1000, 4};
	file.symbols[2] = (Elf64_Sym){6, ELF64_ST_INFO(STB_LOCAL, STT_OBJECT), 0, 1, 0x2000, 4};
	file.symbols[3] = (Elf64_Sym){11, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, SHN_UNDEF, 0, 0};
}

static bool open_file(size_t bytes)
{
	elf = (struct ap_elf){.file = (const char *)&file, .file_bytes = bytes};
	return ap_elf_symbols(&elf);
}

START_TEST(functions_that_are_defined_have_names)
{
	uint64_t value = 0;

	make_file();
	ck_assert(open_file(sizeof(file)));
	ck_assert_uint_eq(elf.symbols_n, 4);
	ck_assert_ptr_null(ap_elf_function(&elf, 0, &value));
	ck_assert_str_eq(ap_elf_function(&elf, 1, &value), "work");
	ck_assert_uint_eq(value, 0x1000);
	ck_assert_ptr_null(ap_elf_function(&elf, 2, &value));
	ck_assert_ptr_null(ap_elf_function(&elf, 3, &value));
}
END_TEST

START_TEST(the_whole_table_comes_before_that_of_the_linker)
{
	make_file();
	file.sections[1].sh_type = SHT_DYNSYM;
	ck_assert(open_file(sizeof(file)));
	file.sections[0] = file.sections[1];
	file.sections[0].sh_size = sizeof(Elf64_Sym);
	ck_assert(open_file(sizeof(file)));
	ck_assert_uint_eq(elf.symbols_n, 1);
	file.sections[1].sh_type = SHT_SYMTAB;
	ck_assert(open_file(sizeof(file)));
	ck_assert_uint_eq(elf.symbols_n, 4);
}
END_TEST

START_TEST(what_makes_no_sense_has_no_names)
{
	uint64_t value;

	make_file();
	for (size_t bytes = 0; bytes < sizeof(file); bytes++) {
		ck_assert(!open_file(bytes));
	}
	file.sections[1].sh_link = 3;
	ck_assert(!open_file(sizeof(file)));
	file.sections[1].sh_link = 2;
	file.sections[1].sh_offset = UINT64_MAX - 8;
	ck_assert(!open_file(sizeof(file)));
	make_file();
	file.sections[2].sh_size = UINT64_MAX;
	ck_assert(!open_file(sizeof(file)));
	make_file();
	file.names[15] = 'x'; /* the last name has no end */
	ck_assert(!open_file(sizeof(file)));
	make_file();
	file.header.e_shoff = UINT64_MAX - 100;
	ck_assert(!open_file(sizeof(file)));
	make_file();
	file.header.e_ident[EI_CLASS] = ELFCLASS32;
	ck_assert(!open_file(sizeof(file)));
	make_file();
	file.symbols[1].st_name = 16;
	ck_assert(open_file(sizeof(file)));
	ck_assert_ptr_null(ap_elf_function(&elf, 1, &value));
}
END_TEST

/* --- the rule ------------------------------------------------------------------------------------------- */

START_TEST(a_level_is_found_by_its_address)
{
	const uint64_t matches[] = {AP_FILTER_MATCH(0x1000, 1), AP_FILTER_MATCH(0x2000, 1),
				    AP_FILTER_MATCH(0x2000, 2), AP_FILTER_MATCH(0x3000, 2)};

	ck_assert_uint_eq(ap_filter_level_in(matches, 4, 0x0fff), 0);
	ck_assert_uint_eq(ap_filter_level_in(matches, 4, 0x1000), AP_FILTER_IS_ROOT);
	ck_assert_uint_eq(ap_filter_level_in(matches, 4, 0x2000),
			  AP_FILTER_IS_ROOT | AP_FILTER_IS_NOTRACE);
	ck_assert_uint_eq(ap_filter_level_in(matches, 4, 0x3000), AP_FILTER_IS_NOTRACE);
	ck_assert_uint_eq(ap_filter_level_in(matches, 4, 0x3001), 0);
	ck_assert_uint_eq(ap_filter_level_in(NULL, 0, 0x1000), 0);
}
END_TEST

START_TEST(the_rule_is_the_same_everywhere)
{
	const uint32_t work = AP_ID_FIRST, on = AP_FILTER_ON, roots = on | AP_FILTER_ROOTS;
	const struct {
		uint32_t kinds, depth, level;
		struct ap_filter_place place;
		uint32_t verdict;
	} cases[] = {
		{on, 0, 0, {AP_ID_ROOT, 0}, AP_ID_NONE},
		{on, 0, AP_FILTER_IS_NOTRACE, {AP_ID_ROOT, 0}, AP_ID_LEFT_OUT},
		{on, 0, 0, {AP_ID_LEFT_OUT, 3}, AP_ID_LEFT_OUT},
		{on, 0, AP_FILTER_IS_ELSEWHERE, {work, 1}, AP_ID_OUTSIDE},
		{on, 0, AP_FILTER_IS_ELSEWHERE | AP_FILTER_IS_NOTRACE, {work, 1}, AP_ID_LEFT_OUT},
		{roots, 0, 0, {AP_ID_ROOT, 0}, AP_ID_OUTSIDE},
		{roots, 0, 0, {AP_ID_OUTSIDE, 0}, AP_ID_OUTSIDE},
		{roots, 0, AP_FILTER_IS_ROOT, {AP_ID_OUTSIDE, 0}, AP_ID_NONE},
		{roots, 0, 0, {work, 1}, AP_ID_NONE},
		{roots, 0, 0, {AP_ID_OUTSIDE, 1}, AP_ID_NONE},
		{roots, 0, AP_FILTER_IS_ROOT, {AP_ID_LEFT_OUT, 1}, AP_ID_LEFT_OUT},
		{on, 2, 0, {work, 1}, AP_ID_NONE},
		{on, 2, 0, {work, 2}, AP_ID_LEFT_OUT},
		{roots, 1, 0, {AP_ID_ROOT, 0}, AP_ID_OUTSIDE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ck_assert_msg(ap_filter_verdict(cases[i].kinds, cases[i].depth, cases[i].level,
						cases[i].place) == cases[i].verdict,
			      "case %zu", i);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter-names");
	TCase *tc = tcase_create("names");

	tcase_add_test(tc, a_pattern_is_a_whole_name);
	tcase_add_test(tc, names_of_cxx_lose_their_arguments);
	tcase_add_test(tc, a_name_that_does_not_fit_is_not_told);
	tcase_add_test(tc, functions_that_are_defined_have_names);
	tcase_add_test(tc, the_whole_table_comes_before_that_of_the_linker);
	tcase_add_test(tc, what_makes_no_sense_has_no_names);
	tcase_add_test(tc, a_level_is_found_by_its_address);
	tcase_add_test(tc, the_rule_is_the_same_everywhere);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
