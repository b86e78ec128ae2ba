/* SPDX-License-Identifier: MIT */
/* tests/unit/test-symbolize.c - names, files and lines of programs compiled here, against their sources. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbolize/symbolize.h"
#include "tests/support/ap_check.h"
#include "tests/support/elf_fixture.h"

static const char c_source[] =
	"static int calls;\n"
	"static __attribute__((noinline)) int local_function(int x) {\n"
	"	return x + calls;\n"
	"}\n"
	"int\n"
	"global_function(int x)\n"
	"{\n"
	"	calls++;\n"
	"	return local_function(x);\n"
	"}\n"
	"int global_alias(int x) __attribute__((alias(\"local_function\")));\n"
	"int __internal_name(int x) { return x + 2; }\n"
	"int weak_name(int x) __attribute__((weak, alias(\"__internal_name\")));\n"
	"static int (*resolver(void))(int) { return global_function; }\n"
	"int chosen_at_start(int) __attribute__((ifunc(\"resolver\")));\n"
	"#ifndef LIBRARY\n"
	"int main(int argc, char **argv) { return global_function(argc) == 1 && "
	"chosen_at_start(argc) == 3; }\n"
	"#endif\n";

static const char cpp_source[] = "#include <functional>\n"
				 "namespace outer { namespace {\n"
				 "int hidden(int x) { return x; }\n"
				 "}\n"
				 "struct thing {\n"
				 "	int a;\n"
				 "	thing();\n"
				 "	int method(int x) const;\n"
				 "	static int static_method() { return 3; }\n"
				 "	virtual ~thing() {}\n"
				 "};\n"
				 "thing::thing() : a(hidden(1)) {}\n"
				 "int thing::method(int x) const {\n"
				 "	return a + x;\n"
				 "}\n"
				 "template <typename T> T twice(T x) { return x + x; }\n"
				 "}\n"
				 "static int file_static(int x) { return x; }\n"
				 "int main(int argc, char **)\n"
				 "{\n"
				 "	struct local { int inner(int x) { return x; } } l;\n"
				 "	auto lambda = [](int x) { return x + 1; };\n"
				 "	std::function<int(int)> f = lambda;\n"
				 "	outer::thing t;\n"
				 "	return t.method(argc) + outer::thing::static_method() + "
				 "outer::twice(argc) + (int)outer::twice(1.5)\n"
				 "		+ file_static(1) + l.inner(2) + f(3);\n"
				 "}\n";

static struct ap_profile_module module;

static struct ap_symbolizer *open_file(const char *file, uint64_t bias)
{
	const struct ap_symbolizer_options options = {.debug_dir = NULL};

	module = ap_fixture_module(file, bias);
	struct ap_symbolizer *symbolizer = ap_symbolizer_new(&module, 1, &options);
	ck_assert_ptr_nonnull(symbolizer);
	return symbolizer;
}

static struct ap_symbolizer *close_file(struct ap_symbolizer *symbolizer)
{
	free(module.path);
	module.path = NULL;
	return ap_symbolizer_free(symbolizer);
}

static void assert_no_notes(const struct ap_symbolizer *symbolizer)
{
	size_t n;
	const struct ap_module_note *notes = ap_symbolizer_notes(symbolizer, &n);

	ck_assert_msg(n == 0, "note: %s", notes[0].text);
}

/* @symbol is asked for by its address and must come back as @name of @line in @source. */
static void assert_function(struct ap_symbolizer *symbolizer, const char *file, const char *symbol,
			    const char *name, const char *source, int line)
{
	struct ap_symbol got;

	ap_symbolize(symbolizer, 0, ap_fixture_address(file, symbol) + module.bias, &got);
	ck_assert_str_eq(got.name, name);
	ck_assert(!got.guessed);
	ck_assert_str_eq(got.module, strrchr(module.path, '/') + 1);
	ck_assert_ptr_nonnull(got.file);
	ck_assert_str_eq(got.file, source);
	ck_assert_msg(got.line == line, "%s: line %d, not %d", name, got.line, line);
}

static void assert_c_functions(const char *file, uint64_t bias, const char *source)
{
	struct ap_symbolizer *symbolizer = open_file(file, bias);

	assert_function(symbolizer, file, "local_function", "local_function", source, 2);
	assert_function(symbolizer, file, "global_function", "global_function", source, 6);
	assert_no_notes(symbolizer);
	close_file(symbolizer);
}

struct build {
	const char *compiler;
	const char *flags;
	uint64_t bias; /* where it is loaded */
};

static const struct build c_builds[] = {
	{"gcc", "-g -fPIE -pie", 0x555555554000},
	{"gcc", "-g -fno-pie -no-pie", 0},
	{"gcc", "-g -O2 -fPIE -pie", 0x555555554000},
	{"gcc", "-g -fPIE -pie -Wl,-Ttext-segment=0x10000000", 0x7f0000000000},
	{"gcc", "-g -fno-pie -no-pie -Wl,-Ttext-segment=0x10000000", 0},
	{"gcc", "-g -DLIBRARY -fPIC -shared", 0x7ffff7fb0000},
	{"gcc", "-g -DLIBRARY -fPIC -shared -Wl,-Ttext-segment=0x30000000", 0x7fffc7fb0000},
	{"gcc", "-gdwarf-4", 0x555555554000},
	{"gcc", "-gdwarf-3 -gstrict-dwarf", 0x555555554000},
	{"gcc", "-g -gsplit-dwarf", 0x555555554000},
	{"gcc", "-g -gz", 0x555555554000},
	{"gcc", "-g -flto -O1", 0x555555554000},
	{"gcc", "-g -ffunction-sections -Wl,--gc-sections -finstrument-functions", 0x555555554000},
	{"clang", "-g -fPIE -pie", 0x555555554000},
	{"clang", "-g -fno-pie -no-pie", 0},
	{"clang", "-gdwarf-4 -O2", 0x555555554000},
	{"clang", "-g -fuse-ld=lld -Wl,--icf=none", 0x555555554000},
	{"clang", "-g -finstrument-functions", 0x555555554000},
};

START_TEST(c_functions_have_name_file_and_line)
{
	const struct build *build = &c_builds[_i];
	char name[16];

	snprintf(name, sizeof(name), "c%d", _i);
	const char *dir = ap_fixture_enter(name);
	char source[4200];
	snprintf(source, sizeof(source), "%s/app.c", dir);
	ap_fixture_write("app.c", c_source);
	if (ap_fixture_has(build->compiler)) {
		ap_fixture_make("%s %s '%s' -o app", build->compiler, build->flags, source);
		assert_c_functions("app", build->bias, source);
	}
}
END_TEST

START_TEST(a_relative_source_is_joined_with_the_directory_of_the_compilation)
{
	static const char *const compilers[] = {"gcc -gdwarf-5", "gcc -gdwarf-4", "clang -gdwarf-5",
						"clang -gdwarf-4"};
	const char *dir = ap_fixture_enter("relative");
	char source[4200];

	snprintf(source, sizeof(source), "%s/sub/app.c", dir);
	ap_fixture_make("mkdir sub other");
	ap_fixture_write("sub/app.c", c_source);
	for (size_t i = 0; i < sizeof(compilers) / sizeof(*compilers); i++) {
		if (i < 2 || ap_fixture_has("clang")) {
			ap_fixture_make("%s sub/app.c -o app", compilers[i]);
			ck_assert_int_eq(chdir("other"), 0);
			assert_c_functions("../app", 0x555555554000, source);
			ck_assert_int_eq(chdir(".."), 0);
		}
	}
}
END_TEST

struct expected {
	const char *symbol;
	const char *name;
	const char *words; /* in the line of its definition */
};

static const struct expected cpp_expected[] = {
	{"_ZN5outer12_GLOBAL__N_16hiddenEi", "outer::(anonymous namespace)::hidden(int)",
	 "int hidden("},
	{"_ZN5outer5thingC1Ev", "outer::thing::thing()", "thing::thing()"},
	{"_ZNK5outer5thing6methodEi", "outer::thing::method(int) const", "int thing::method("},
	{"_ZN5outer5thing13static_methodEv", "outer::thing::static_method()",
	 "static int static_method"},
	{"_ZN5outer5thingD0Ev", "outer::thing::~thing()", "virtual ~thing"},
	{"_ZN5outer5twiceIiEET_S1_", "int outer::twice<int>(int)", "T twice("},
	{"_ZN5outer5twiceIdEET_S1_", "double outer::twice<double>(double)", "T twice("},
	{"_ZL11file_statici", "file_static(int)", "static int file_static"},
	{"_ZZ4mainEN5local5innerEi", "main::local::inner(int)", "struct local"},
	{"_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const", "auto lambda"},
	{"main", "main", "int main("},
};

static void assert_cpp_functions(const char *file, const char *lambda)
{
	struct ap_symbolizer *symbolizer = open_file(file, 0x555555554000);
	char source[4200];

	snprintf(source, sizeof(source), "%s/app.cc", getcwd((char[4096]){0}, 4096));
	for (size_t i = 0; i < sizeof(cpp_expected) / sizeof(*cpp_expected); i++) {
		const struct expected *want = &cpp_expected[i];
		const bool is_lambda = strstr(want->symbol, "Ul") != NULL;

		assert_function(symbolizer, file, is_lambda ? lambda : want->symbol,
				is_lambda && strcmp(lambda, want->symbol) != 0
					? "main::$_0::operator()(int) const"
					: want->name,
				source, ap_fixture_line(cpp_source, want->words));
	}
	assert_no_notes(symbolizer);
	close_file(symbolizer);
}

START_TEST(cpp_functions_of_gcc_have_name_file_and_line)
{
	ap_fixture_enter("cpp-gcc");
	ap_fixture_write("app.cc", cpp_source);
	ap_fixture_make("g++ -g app.cc -o app");
	assert_cpp_functions("app", "_ZZ4mainENKUliE_clEi");
}
END_TEST

START_TEST(cpp_functions_of_clang_have_name_file_and_line)
{
	ap_fixture_enter("cpp-clang");
	ap_fixture_write("app.cc", cpp_source);
	if (ap_fixture_has("clang++")) {
		ap_fixture_make("clang++ -g app.cc -o app");
		assert_cpp_functions("app", "_ZZ4mainENK3$_0clEi");
	}
}
END_TEST

START_TEST(of_two_names_at_one_address_the_one_in_the_source_is_told)
{
	struct ap_symbol got;

	ap_fixture_enter("alias");
	ap_fixture_write("app.c", c_source);
	ap_fixture_make("gcc -g app.c -o app");
	struct ap_symbolizer *symbolizer = open_file("app", 0);
	ap_symbolize(symbolizer, 0, ap_fixture_address("app", "global_alias"), &got);
	ck_assert_str_eq(got.name, "local_function");
	ap_symbolize(symbolizer, 0, ap_fixture_address("app", "weak_name"), &got);
	ck_assert_str_eq(got.name, "weak_name"); /* but for what only the implementation calls it */
	ck_assert_int_eq(got.line, ap_fixture_line(c_source, "__internal_name"));
	ap_symbolize(symbolizer, 0, ap_fixture_address("app", "chosen_at_start"), &got);
	ck_assert_str_eq(got.name, "resolver");
	close_file(symbolizer);
}
END_TEST

START_TEST(without_debug_information_the_name_for_users_is_told_and_a_note_says_why_no_line)
{
	struct ap_symbol got;
	size_t n;

	ap_fixture_enter("alias-plain");
	ap_fixture_write("app.c", c_source);
	ap_fixture_make("gcc app.c -o app");
	struct ap_symbolizer *symbolizer = open_file("app", 0);
	ap_symbolize(symbolizer, 0, ap_fixture_address("app", "local_function"), &got);
	ck_assert_str_eq(got.name, "global_alias");
	ck_assert_ptr_null(got.file);
	ck_assert_int_eq(got.line, 0);
	ap_symbolize(symbolizer, 0, ap_fixture_address("app", "__internal_name"), &got);
	ck_assert_str_eq(got.name, "weak_name");
	ap_symbolize(symbolizer, 0, ap_fixture_address("app", "resolver"), &got);
	ck_assert_str_eq(got.name, "resolver");
	const struct ap_module_note *notes = ap_symbolizer_notes(symbolizer, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(notes[0].module, module.path);
	ck_assert_str_eq(notes[0].text,
			 "no debug information (compile with -g): no files and lines");
	close_file(symbolizer);
}
END_TEST

START_TEST(the_version_of_a_symbol_is_not_in_its_name)
{
	struct ap_symbol got;

	ap_fixture_enter("version");
	ap_fixture_write("lib.c", "int old(void) { return 1; }\n"
				  "__asm__(\".symver old, released@V1\");\n"
				  "int current(void) { return 2; }\n");
	ap_fixture_write("map", "V1 { global: *; };\n");
	ap_fixture_make("gcc -shared -fPIC -Wl,--version-script=map lib.c -o lib.so && strip "
			"lib.so -o s.so");
	struct ap_symbolizer *symbolizer = open_file("lib.so", 0);
	ap_symbolize(symbolizer, 0, ap_fixture_address("lib.so", "old"), &got);
	ck_assert(strchr(got.name, '@') == NULL);
	ck_assert(strcmp(got.name, "old") == 0 || strcmp(got.name, "released") == 0);
	close_file(symbolizer);
	symbolizer = open_file("s.so", 0x1000000);
	ap_symbolize(symbolizer, 0, ap_fixture_address("lib.so", "old") + 0x1000000, &got);
	ck_assert(strcmp(got.name, "old") == 0 || strcmp(got.name, "released") == 0);
	close_file(symbolizer);
}
END_TEST

START_TEST(what_is_unknown_is_an_address_in_its_module)
{
	struct ap_profile_module modules[] = {
		{.path = "linux-vdso.so.1",
		 .start = 0x7fff1000,
		 .end = 0x7fff2000,
		 .bias = 0x7fff1000},
		{.path = "", .bias = 0x1000},
		{.path = NULL, .bias = 0x1000},
	};
	struct ap_symbolizer *symbolizer = ap_symbolizer_new(modules, 3, NULL);
	struct ap_symbol got;
	size_t n;

	ap_symbolize(symbolizer, -1, 0x1234, &got);
	ck_assert_str_eq(got.name, "(unknown 1)");
	ck_assert_str_eq(got.module, "?");
	ck_assert(got.guessed);
	ck_assert_ptr_null(got.linkage_name);
	ap_symbolize(symbolizer, 3, 0xabcdef, &got);
	ck_assert_str_eq(got.name, "(unknown 2)");
	ap_symbolize(symbolizer, -1, 0x1234, &got);
	ck_assert_str_eq(got.name, "(unknown 1)"); /* the same as before, and no address */
	ap_symbolize(symbolizer, 0, 0x7fff1a30, &got);
	ck_assert_str_eq(got.name, "linux-vdso.so.1+0xa30");
	ck_assert_str_eq(got.module, "linux-vdso.so.1");
	ap_symbolize(symbolizer, 1, 0x1234, &got);
	ck_assert_str_eq(got.name, "?+0x234");
	ap_symbolize(symbolizer, 2, 0x1234, &got);
	ck_assert_str_eq(got.name, "?+0x234");
	ap_symbolizer_notes(symbolizer, &n);
	ck_assert_uint_eq(n, 0);
	ap_symbolizer_free(symbolizer);
}
END_TEST

START_TEST(an_address_inside_a_function_is_that_function_and_one_outside_is_none)
{
	struct ap_symbol got;

	ap_fixture_enter("inside");
	ap_fixture_write("app.c", c_source);
	ap_fixture_make("gcc -g -pie -fPIE app.c -o app");
	struct ap_symbolizer *symbolizer = open_file("app", 0x400000000000);
	const uint64_t address = ap_fixture_address("app", "global_function");
	ap_symbolize(symbolizer, 0, 0x400000000000 + address + 5, &got);
	ck_assert_str_eq(got.name, "global_function");
	ck_assert_int_eq(got.line, 6);
	ap_symbolize(symbolizer, 0, 0x400000000000 + 0x10, &got); /* the ELF header */
	ck_assert_str_eq(got.name, "app+0x10");
	ck_assert(got.guessed);
	ck_assert_ptr_null(got.file);
	ap_symbolize(symbolizer, 0, 0x400000000000 + ap_fixture_address("app", "calls"),
		     &got); /* a variable */
	ck_assert(got.guessed);
	ap_symbolize(symbolizer, 0, 0x1000, &got); /* below the module */
	ck_assert_str_eq(got.name, "app+0xffffc00000001000");
	close_file(symbolizer);
}
END_TEST

START_TEST(an_address_is_resolved_once)
{
	struct ap_symbol first, again;

	ap_fixture_enter("once");
	ap_fixture_write("app.c", c_source);
	ap_fixture_make("gcc -g app.c -o app");
	struct ap_symbolizer *symbolizer = open_file("app", 0);
	const uint64_t address = ap_fixture_address("app", "global_function");
	ap_symbolize(symbolizer, 0, address, &first);
	for (uint64_t i = 1; i <= 5000; i++) { /* makes the table grow */
		ap_symbolize(symbolizer, 0, i << 40, &again);
		ck_assert(again.guessed);
	}
	ap_symbolize(symbolizer, 0, address, &again);
	ck_assert_ptr_eq(again.name, first.name);
	ck_assert_ptr_eq(again.file, first.file);
	ck_assert_str_eq(again.name, "global_function");
	close_file(symbolizer);
}
END_TEST

START_TEST(a_library_loaded_twice_has_its_names_at_both_places)
{
	struct ap_symbol got;

	ap_fixture_enter("reload");
	ap_fixture_write("lib.c", c_source);
	ap_fixture_make("gcc -g -DLIBRARY -shared -fPIC lib.c -o lib.so");
	struct ap_profile_module modules[] = {ap_fixture_module("lib.so", 0x7f0000000000),
					      ap_fixture_module("lib.so", 0x7f1000000000)};
	struct ap_symbolizer *symbolizer = ap_symbolizer_new(modules, 2, NULL);
	const uint64_t address = ap_fixture_address("lib.so", "local_function");
	for (int i = 0; i < 2; i++) {
		ap_symbolize(symbolizer, i, modules[i].bias + address, &got);
		ck_assert_str_eq(got.name, "local_function");
		ck_assert_int_eq(got.line, 2);
	}
	ap_symbolizer_free(symbolizer);
	free(modules[0].path);
	free(modules[1].path);
}
END_TEST

/* The linker drops a function but keeps its description, moved to address 0. It is so long, with a line for each
 * byte, that it seems to reach over the code that has no description. */
START_TEST(lines_of_dropped_code_are_not_taken_for_those_of_other_code)
{
	struct ap_symbol got;

	ap_fixture_enter("dropped");
	ap_fixture_write("app.c", c_source);
	ap_fixture_make(
		"(echo '.text; .globl kept; kept: ret; .section .note.GNU-stack';"
		" echo '.section .text.dropped,\"ax\"'; yes nop | head -n 20000) > dropped.S");
	ap_fixture_make("gcc -g -c dropped.S && gcc -fPIE -c app.c && "
			"gcc -pie -Wl,--gc-sections -Wl,-u,kept dropped.o app.o -o app");
	struct ap_symbolizer *symbolizer = open_file("app", 0x555555554000);
	const uint64_t address = ap_fixture_address("app", "main");
	ck_assert_uint_lt(address, 20000);
	ap_symbolize(symbolizer, 0, address + 0x555555554000, &got);
	ck_assert_str_eq(got.name, "main");
	ck_assert_ptr_null(got.file);
	close_file(symbolizer);
}
END_TEST

/* Each function of the program, by binutils' reader of the same tables. (With DWARF 5 it names the wrong file
 * for functions of headers.) It tells the line of the first instruction: that of the opening brace. */
static void assert_agrees(const struct ap_symbol *got, const char *name, char *place)
{
	char *colon = strrchr(place, ':');
	const int line = atoi(colon + 1);
	const bool ours = strstr(name, "outer") != NULL;

	*colon = '\0';
	ck_assert_str_eq(got->file, place);
	ck_assert_msg(got->line == line || (!ours && got->line < line && got->line + 12 > line),
		      "%s: %d, not %d", name, got->line, line);
	/* Constructors and destructors have two names for one address. */
	if (strstr(name, "C1E") == NULL && strstr(name, "C2E") == NULL &&
	    strstr(name, "D1E") == NULL && strstr(name, "D2E") == NULL) {
		ck_assert_str_eq(got->linkage_name, name);
	}
}

START_TEST(names_and_lines_agree_with_addr2line)
{
	size_t compared = 0;
	unsigned long address;
	char name[4096], place[4096];

	ap_fixture_enter("oracle");
	ap_fixture_write("app.cc", cpp_source);
	ap_fixture_make("g++ -gdwarf-4 -no-pie app.cc -o app");
	ap_fixture_make("nm app | awk '$2 ~ /^[tTwW]$/ && $3 ~ /^_Z/ { print $1 }' > addresses");
	ap_fixture_make("addr2line -a -f -e app < addresses | paste - - - > answers");
	struct ap_symbolizer *symbolizer = open_file("app", 0);
	FILE *answers = fopen("answers", "r");
	while (fscanf(answers, "%lx %4095s %4095s%*[^\n]", &address, name, place) == 3) {
		struct ap_symbol got;

		if (strncmp(place, "??", 2) != 0) {
			ap_symbolize(symbolizer, 0, address, &got);
			assert_agrees(&got, name, place);
			compared++;
		}
	}
	ck_assert_uint_gt(compared, 20);
	fclose(answers);
	close_file(symbolizer);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, c_functions_have_name_file_and_line, 0,
			    sizeof(c_builds) / sizeof(*c_builds));
	tcase_add_test(tcase, a_relative_source_is_joined_with_the_directory_of_the_compilation);
	tcase_add_test(tcase, cpp_functions_of_gcc_have_name_file_and_line);
	tcase_add_test(tcase, cpp_functions_of_clang_have_name_file_and_line);
	tcase_add_test(tcase, of_two_names_at_one_address_the_one_in_the_source_is_told);
	tcase_add_test(
		tcase,
		without_debug_information_the_name_for_users_is_told_and_a_note_says_why_no_line);
	tcase_add_test(tcase, the_version_of_a_symbol_is_not_in_its_name);
	tcase_add_test(tcase, what_is_unknown_is_an_address_in_its_module);
	tcase_add_test(tcase,
		       an_address_inside_a_function_is_that_function_and_one_outside_is_none);
	tcase_add_test(tcase, an_address_is_resolved_once);
	tcase_add_test(tcase, a_library_loaded_twice_has_its_names_at_both_places);
	tcase_add_test(tcase, lines_of_dropped_code_are_not_taken_for_those_of_other_code);
	tcase_add_test(tcase, names_and_lines_agree_with_addr2line);
}

int main(void)
{
	Suite *suite = suite_create("symbolize");
	TCase *tcase = tcase_create("symbolize");

	tcase_add_unchecked_fixture(tcase, ap_fixture_begin, ap_fixture_end);
	tcase_set_timeout(tcase, 60);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	return ap_check_main(suite);
}
