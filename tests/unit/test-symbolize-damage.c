/* SPDX-License-Identifier: MIT */
/* tests/unit/test-symbolize-damage.c - damaged ELF and DWARF: names fall back, nothing crashes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbolize/symbolize.h"
#include "tests/support/ap_check.h"
#include "tests/support/elf_fixture.h"

#define FLIPS 200 /* files damaged, each in a number of bytes */

static const char source[] =
	"#include <string>\n"
	"#include <vector>\n"
	"namespace space {\n"
	"template <typename T> struct box { T value; T get() const { return value; } };\n"
	"static int local_function(int x) { return box<int>{x}.get(); }\n"
	"}\n"
	"int main(int argc, char **) {\n"
	"	std::vector<std::string> v(argc, \"x\");\n"
	"	return space::local_function((int)v.size());\n"
	"}\n";

static const char stripped[] = "-rdynamic"; /* and strip(1) afterwards */

struct image {
	unsigned char *bytes;
	size_t size;
	uint64_t *functions; /* addresses */
	size_t functions_n;
	struct ap_profile_module module;
};

static void read_functions(struct image *image)
{
	char *text = ap_fixture_output(
		"nm app | awk '$2 ~ /^[tTW]$/ && $3 != \"data_start\" { print $1 }'");
	char *at = text, *end;

	image->functions = calloc(strlen(text), sizeof(*image->functions));
	for (uint64_t address; address = strtoull(at, &end, 16), end != at; at = end) {
		image->functions[image->functions_n++] = address;
	}
	free(text);
	ck_assert_uint_gt(image->functions_n, 50);
}

static struct image make_image(const char *name, const char *flags)
{
	struct image image = {.bytes = NULL};

	ap_fixture_enter(name);
	ap_fixture_write("app.cc", source);
	ap_fixture_make("g++ -Wl,--build-id=sha1 -g %s app.cc -o app && cp app whole", flags);
	read_functions(&image);
	if (strcmp(flags, stripped) == 0) {
		ap_fixture_make("strip app");
	}
	image.module = ap_fixture_module("app", 0);
	image.size = image.module.file_bytes;
	image.bytes = malloc(image.size);
	const int fd = open("app", O_RDONLY);
	ck_assert_int_eq(read(fd, image.bytes, image.size), (ssize_t)image.size);
	close(fd);
	return image;
}

static void free_image(struct image *image)
{
	free(image->bytes);
	free(image->functions);
	free(image->module.path);
}

static void write_app(const void *bytes, size_t size)
{
	const int fd = open("app", O_WRONLY | O_TRUNC);

	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

/* Every function, as a report would ask for it. Return: how many have a name. */
static size_t ask_all(const struct image *image)
{
	struct ap_symbolizer *symbolizer = ap_symbolizer_new(&image->module, 1, NULL);
	size_t named = 0, n;

	for (size_t i = 0; i < image->functions_n; i++) {
		struct ap_symbol got;

		ap_symbolize(symbolizer, 0, image->functions[i], &got);
		if (got.name == NULL || got.name[0] == '\0' || got.module == NULL ||
		    (got.line != 0 && !got.file)) {
			abort();
		}
		named += !got.guessed;
	}
	const struct ap_module_note *notes = ap_symbolizer_notes(symbolizer, &n);
	for (size_t i = 0; i < n; i++) {
		if (strchr(notes[i].text, '\n') != NULL) {
			abort();
		}
	}
	ap_symbolizer_free(symbolizer);
	return named;
}

/* The limits that a report sets itself. Fails when a signal ended it. */
static void ask_all_in_child(const struct image *image, const char *what, size_t number)
{
#ifndef __SANITIZE_ADDRESS__ /* which maps more than that for itself */
	const struct rlimit memory = {2ul << 30, 2ul << 30};
#endif
	const struct rlimit cpu = {20, 20};
	const pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
#ifndef __SANITIZE_ADDRESS__
		setrlimit(RLIMIT_AS, &memory);
#endif
		setrlimit(RLIMIT_CPU, &cpu);
		ask_all(image);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s %zu: signal %d", what,
		      number, WTERMSIG(status));
}

START_TEST(a_truncated_file_falls_back_with_a_note)
{
	struct image image = make_image("truncated", "");
	struct ap_symbol got;
	size_t n;

	ck_assert_uint_eq(ask_all(&image), image.functions_n); /* the twin without the fault */
	write_app(image.bytes, image.size / 2);
	struct ap_symbolizer *symbolizer = ap_symbolizer_new(&image.module, 1, NULL);
	ap_symbolize(symbolizer, 0, ap_fixture_address("whole", "main"), &got);
	ck_assert(got.guessed || strcmp(got.name, "main") == 0);
	const struct ap_module_note *notes = ap_symbolizer_notes(symbolizer, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(notes[0].text, "damaged: the file is cut short; names may be missing");
	ap_symbolizer_free(symbolizer);
	free_image(&image);
}
END_TEST

START_TEST(a_file_cut_anywhere_does_no_harm)
{
	struct image image = make_image("cut", "");

	for (size_t i = 0; i < 64; i++) {
		write_app(image.bytes, i < 32 ? i * 8 : image.size * (i - 31) / 33);
		ask_all_in_child(&image, "cut", i);
	}
	free_image(&image);
}
END_TEST

static const char *const builds[] = {"-gdwarf-5", "-gdwarf-4", "-gz", stripped, "-gsplit-dwarf"};

/* Half of the damage goes to the first and the last 4 KiB, where headers are. */
static void damage(unsigned char *bytes, size_t size, unsigned *seed)
{
	const int flips = 1 << (rand_r(seed) % 9);

	for (int i = 0; i < flips; i++) {
		const size_t wild = ((size_t)rand_r(seed) << 16 ^ (size_t)rand_r(seed)) % size;
		const size_t near = wild % 4096;
		const int where = rand_r(seed) % 4;

		bytes[where == 0   ? near
		      : where == 1 ? size - 1 - near
				   : wild] = (unsigned char)rand_r(seed);
	}
}

/* The build-id of a damaged file is as recorded: the damage is not told by identity alone. */
START_TEST(bytes_changed_at_random_do_no_harm)
{
	char name[16];

	snprintf(name, sizeof(name), "flip%d", _i);
	struct image image = make_image(name, builds[_i]);
	unsigned char *bytes = malloc(image.size);
	unsigned seed = 20240 + (unsigned)_i;

	image.module.build_id_bytes = 0;
	for (size_t i = 0; i < FLIPS / (sizeof(builds) / sizeof(*builds)); i++) {
		memcpy(bytes, image.bytes, image.size);
		damage(bytes, image.size, &seed);
		write_app(bytes, image.size);
		ask_all_in_child(&image, builds[_i], i);
	}
	free(bytes);
	free_image(&image);
}
END_TEST

/* Damage one section only: the rest still works. */
static void fill_section(const struct image *image, const char *section, int byte)
{
	char *text = ap_fixture_output("readelf -SW whole | sed 's/^ *\\[[^]]*\\]//' | "
				       "awk '$1 == \"%s\" { print $4, $5 }'",
				       section);
	unsigned long offset, size;

	ck_assert_int_eq(sscanf(text, "%lx %lx", &offset, &size), 2);
	unsigned char *bytes = malloc(image->size);
	memcpy(bytes, image->bytes, image->size);
	memset(bytes + offset, byte, size);
	write_app(bytes, image->size);
	free(bytes);
	free(text);
}

START_TEST(damaged_dwarf_leaves_the_names)
{
	static const char *const sections[] = {".debug_info", ".debug_line", ".debug_abbrev",
					       ".debug_rnglists", ".debug_str"};
	struct image image = make_image("dwarf", "");

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		for (int byte = 0; byte < 256; byte += 51) {
			fill_section(&image, sections[i], byte);
			ask_all_in_child(&image, sections[i], (size_t)byte);
			ck_assert_uint_eq(ask_all(&image), image.functions_n);
		}
	}
	free_image(&image);
}
END_TEST

START_TEST(a_damaged_line_table_is_noted)
{
	struct image image = make_image("lines", "");
	struct ap_symbol got;
	size_t n;

	fill_section(&image, ".debug_line", 0xff);
	struct ap_symbolizer *symbolizer = ap_symbolizer_new(&image.module, 1, NULL);
	ap_symbolize(symbolizer, 0, ap_fixture_address("whole", "main"), &got);
	ck_assert_str_eq(got.name, "main");
	ck_assert_ptr_null(got.file);
	const struct ap_module_note *notes = ap_symbolizer_notes(symbolizer, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert(strncmp(notes[0].text, "debug information damaged: ", 27) == 0);
	ap_symbolizer_free(symbolizer);
	free_image(&image);
}
END_TEST

START_TEST(damaged_symbol_tables_do_no_harm)
{
	static const char *const sections[] = {".symtab", ".strtab", ".dynsym", ".dynstr",
					       ".shstrtab"};
	struct image image = make_image("tables", "");

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		for (int byte = 1; byte < 256; byte += 63) {
			fill_section(&image, sections[i], byte);
			ask_all_in_child(&image, sections[i], (size_t)byte);
		}
	}
	free_image(&image);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_truncated_file_falls_back_with_a_note);
	tcase_add_test(tcase, a_file_cut_anywhere_does_no_harm);
	tcase_add_loop_test(tcase, bytes_changed_at_random_do_no_harm, 0,
			    sizeof(builds) / sizeof(*builds));
	tcase_add_test(tcase, damaged_dwarf_leaves_the_names);
	tcase_add_test(tcase, a_damaged_line_table_is_noted);
	tcase_add_test(tcase, damaged_symbol_tables_do_no_harm);
}

int main(void)
{
	Suite *suite = suite_create("symbolize-damage");
	TCase *tcase = tcase_create("symbolize-damage");

	tcase_add_unchecked_fixture(tcase, ap_fixture_begin, ap_fixture_end);
	tcase_set_timeout(tcase, 120);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	return ap_check_main(suite);
}
