/* SPDX-License-Identifier: MIT */
/* tests/unit/test-symbolize-files.c - stripped binaries, separate debug files, and files that changed since. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbolize/symbolize.h"
#include "tests/support/ap_check.h"
#include "tests/support/elf_fixture.h"

#define BIAS 0x7f0000000000u

static const char source[] = "static int calls;\n"
			     "static __attribute__((noinline)) int local_function(int x) {\n"
			     "	return x + calls++;\n"
			     "}\n"
			     "int global_function(int x) {\n"
			     "	return local_function(x);\n"
			     "}\n";

static const char stripped_note[] =
	"stripped, no separate debug file found: only exported functions have names";

/* What every test works on: lib.so, and where its functions are. */
struct subject {
	const char *dir;
	uint64_t local, global;
	struct ap_profile_module module;
	struct ap_symbolizer *symbolizer;
};

static struct subject make_library(const char *name, const char *flags)
{
	struct subject subject = {.dir = ap_fixture_enter(name)};

	ap_fixture_write("lib.c", source);
	ap_fixture_make("gcc -g -shared -fPIC %s lib.c -o lib.so", flags);
	subject.local = ap_fixture_address("lib.so", "local_function") + BIAS;
	subject.global = ap_fixture_address("lib.so", "global_function") + BIAS;
	return subject;
}

/* The library as it is now is the one that was loaded. */
static void record(struct subject *subject)
{
	subject->module = ap_fixture_module("lib.so", BIAS);
}

static void open_subject(struct subject *subject, const char *debug_dir)
{
	const struct ap_symbolizer_options options = {.debug_dir = debug_dir};

	subject->symbolizer = ap_symbolizer_new(&subject->module, 1, &options);
	ck_assert_ptr_nonnull(subject->symbolizer);
}

static void close_subject(struct subject *subject)
{
	subject->symbolizer = ap_symbolizer_free(subject->symbolizer);
	free(subject->module.path);
}

static void assert_named(struct subject *subject, uint64_t address, const char *name, int line)
{
	struct ap_symbol got;

	ap_symbolize(subject->symbolizer, 0, address, &got);
	ck_assert_str_eq(got.name, name);
	ck_assert(!got.guessed);
	ck_assert_int_eq(got.line, line);
	ck_assert_int_eq(got.file != NULL, line != 0);
}

static void assert_unnamed(struct subject *subject, uint64_t address)
{
	struct ap_symbol got;
	char want[64];

	ap_symbolize(subject->symbolizer, 0, address, &got);
	snprintf(want, sizeof(want), "lib.so+0x%lx", (unsigned long)(address - BIAS));
	ck_assert_str_eq(got.name, want);
	ck_assert(got.guessed);
	ck_assert_ptr_null(got.linkage_name);
	ck_assert_ptr_null(got.file);
	ck_assert_int_eq(got.line, 0);
}

static void assert_note(const struct subject *subject, const char *text)
{
	size_t n;
	const struct ap_module_note *notes = ap_symbolizer_notes(subject->symbolizer, &n);

	ck_assert_uint_eq(n, text == NULL ? 0 : 1);
	if (text != NULL) {
		ck_assert_str_eq(notes[0].text, text);
		ck_assert_str_eq(notes[0].module, subject->module.path);
	}
}

static void assert_both_named(struct subject *subject)
{
	assert_named(subject, subject->local, "local_function", 2);
	assert_named(subject, subject->global, "global_function", 5);
	assert_note(subject, NULL);
}

static void assert_stripped(struct subject *subject)
{
	assert_named(subject, subject->global, "global_function", 0);
	assert_unnamed(subject, subject->local);
	assert_note(subject, stripped_note);
}

/* --- Less than everything is there. --- */

START_TEST(a_stripped_library_has_the_names_it_exports)
{
	struct subject subject = make_library("stripped", "");

	ap_fixture_make("strip lib.so");
	record(&subject);
	open_subject(&subject, NULL);
	assert_stripped(&subject);
	close_subject(&subject);
}
END_TEST

START_TEST(minidebuginfo_names_local_functions)
{
	struct subject subject = make_library("mini", "");

	if (!ap_fixture_has("xz")) {
		return;
	}
	ap_fixture_make(
		"nm lib.so --format=posix --defined-only | awk '$2 == \"t\" { print $1 }' > keep &&"
		"objcopy --only-keep-debug lib.so mini && "
		"objcopy -S --remove-section .comment --keep-symbols=keep mini mini && xz mini &&"
		"strip lib.so && objcopy --add-section .gnu_debugdata=mini.xz lib.so");
	record(&subject);
	open_subject(&subject, NULL);
	assert_named(&subject, subject.local, "local_function", 0);
	assert_named(&subject, subject.global, "global_function", 0);
	close_subject(&subject);
}
END_TEST

/* --- The rest is in a separate file. --- */

static void split_library(void)
{
	ap_fixture_make("objcopy --only-keep-debug lib.so lib.debug && strip lib.so");
}

START_TEST(debuglink_leads_to_the_file_beside_the_library)
{
	struct subject subject = make_library("link", "-Wl,--build-id=none");

	split_library();
	ap_fixture_make("objcopy --add-gnu-debuglink=lib.debug lib.so");
	record(&subject);
	ck_assert_uint_eq(subject.module.build_id_bytes, 0);
	open_subject(&subject, NULL);
	assert_both_named(&subject);
	close_subject(&subject);
}
END_TEST

START_TEST(debuglink_with_another_checksum_is_not_followed)
{
	struct subject subject = make_library("link-wrong", "-Wl,--build-id=none");

	split_library();
	ap_fixture_make("objcopy --add-gnu-debuglink=lib.debug lib.so && echo x >> lib.debug");
	record(&subject);
	open_subject(&subject, NULL);
	assert_stripped(&subject);
	close_subject(&subject);
}
END_TEST

START_TEST(elfutils_and_binutils_debug_files_are_both_read)
{
	struct subject subject = make_library("eu-strip", "-Wl,--build-id=sha1");

	if (!ap_fixture_has("eu-strip")) {
		return;
	}
	ap_fixture_make("eu-strip -f lib.so.debug lib.so");
	record(&subject);
	open_subject(&subject, NULL);
	assert_both_named(&subject);
	close_subject(&subject);
}
END_TEST

/* The places in the debug directory where the file is found. */
enum place { BY_BUILD_ID, BY_PATH, BY_NAME, BY_LINK, PLACES };

static void move_to_debug_dir(const struct subject *subject, enum place place)
{
	char *id = ap_fixture_output("readelf -n lib.so | sed -n 's/ *Build ID: //p'");

	switch (place) {
	case BY_BUILD_ID:
		ap_fixture_make(
			"D=debug/.build-id/%.2s && mkdir -p $D && mv lib.debug $D/%.38s.debug", id,
			id + 2);
		break;
	case BY_PATH:
		ap_fixture_make("D=debug%s && mkdir -p $D && mv lib.debug $D/lib.so.debug",
				subject->dir);
		break;
	case BY_NAME:
		ap_fixture_make("mkdir debug && mv lib.debug debug/lib.so.debug");
		break;
	default:
		ap_fixture_make("mkdir debug && mv lib.debug debug/other.debug && "
				"objcopy --add-gnu-debuglink=debug/other.debug lib.so");
	}
	free(id);
}

START_TEST(the_debug_directory_is_searched)
{
	char name[32];
	const bool with_id = _i % 2 == 0;
	const enum place place = (enum place)(_i / 2);

	snprintf(name, sizeof(name), "dir%d", _i);
	struct subject subject =
		make_library(name, with_id ? "-Wl,--build-id=sha1" : "-Wl,--build-id=none");
	if (!with_id && place == BY_BUILD_ID) {
		return; /* nothing to find it by */
	}
	split_library();
	move_to_debug_dir(&subject, place);
	record(&subject);
	open_subject(&subject, "debug");
	assert_both_named(&subject);
	subject.symbolizer = ap_symbolizer_free(subject.symbolizer);

	open_subject(&subject, NULL); /* the twin: without the option the file is not found */
	assert_stripped(&subject);
	subject.symbolizer = ap_symbolizer_free(subject.symbolizer);

	open_subject(&subject, "no-such-directory");
	assert_stripped(&subject);
	close_subject(&subject);
}
END_TEST

START_TEST(a_debug_file_of_another_binary_is_not_used)
{
	char name[32];
	const char *flags = _i == 0 ? "-Wl,--build-id=sha1" : "-Wl,--build-id=none";

	snprintf(name, sizeof(name), "dir-wrong%d", _i);
	struct subject subject = make_library(name, flags);
	ap_fixture_make("(echo 'int first(void) { return 9; } int second[5000] = {1};'; cat lib.c) "
			"> other.c && "
			"mkdir debug && gcc -g -shared -fPIC %s other.c -o other.so && "
			"objcopy --only-keep-debug other.so debug/lib.so.debug && strip lib.so",
			flags);
	record(&subject);
	open_subject(&subject, "debug");
	assert_stripped(&subject);
	close_subject(&subject);
}
END_TEST

START_TEST(a_debug_directory_with_a_colon_is_searched_by_name)
{
	struct subject subject = make_library("colon", "-Wl,--build-id=sha1");

	split_library();
	ap_fixture_make("mkdir a:b && mv lib.debug a:b/lib.so.debug");
	record(&subject);
	open_subject(&subject, "a:b");
	assert_both_named(&subject);
	close_subject(&subject);
}
END_TEST

START_TEST(a_fifo_in_the_place_of_a_debug_file_does_not_block)
{
	struct subject subject = make_library("fifo", "-Wl,--build-id=sha1");

	ap_fixture_make("strip lib.so && mkdir debug && mkfifo debug/lib.so.debug");
	record(&subject);
	open_subject(&subject, "debug");
	assert_stripped(&subject);
	close_subject(&subject);
}
END_TEST

/* --- The file is not the one that was loaded. --- */

START_TEST(a_deleted_library_has_no_names_and_a_note)
{
	struct subject subject = make_library("deleted", "-Wl,--build-id=sha1");

	record(&subject);
	ap_fixture_make("rm lib.so");
	open_subject(&subject, NULL);
	assert_unnamed(&subject, subject.local);
	assert_unnamed(&subject, subject.global);
	assert_note(&subject, "deleted since it was loaded; its functions have no names");
	close_subject(&subject);
}
END_TEST

START_TEST(a_path_that_the_kernel_calls_deleted_is_tried_without_the_remark)
{
	struct subject subject = make_library("suffix", "-Wl,--build-id=sha1");

	record(&subject);
	free(subject.module.path);
	ck_assert_int_gt(asprintf(&subject.module.path, "%s/lib.so (deleted)", subject.dir), 0);
	open_subject(&subject, NULL);
	assert_both_named(&subject);
	subject.symbolizer = ap_symbolizer_free(subject.symbolizer);

	ap_fixture_make("rm lib.so");
	open_subject(&subject, NULL);
	assert_unnamed(&subject, subject.local);
	assert_note(&subject, "deleted since it was loaded; its functions have no names");
	close_subject(&subject);
}
END_TEST

/* A function is put before the others: every address means another function now. */
static const char make_other[] = "(echo 'int first(int x) { return x * 3 - 1; }'; cat lib.c) > "
				 "other.c && cp lib.so old.so && "
				 "gcc -g -shared -fPIC %s other.c -o other.so";

START_TEST(a_replaced_library_is_known_by_its_build_id)
{
	struct subject subject = make_library("replaced", "-Wl,--build-id=sha1");

	record(&subject);
	ap_fixture_make(make_other, "-Wl,--build-id=sha1");
	ap_fixture_make("cat other.so > lib.so"); /* same inode */
	open_subject(&subject, NULL);
	assert_unnamed(&subject, subject.local);
	assert_unnamed(&subject, subject.global);
	assert_note(&subject,
		    "replaced since it was loaded (build-id differs); its functions have no names");
	close_subject(&subject);
}
END_TEST

START_TEST(a_library_that_lost_its_build_id_is_another_one)
{
	struct subject subject = make_library("lost-id", "-Wl,--build-id=sha1");

	record(&subject);
	ap_fixture_make(make_other, "-Wl,--build-id=none");
	ap_fixture_make("cat other.so > lib.so");
	open_subject(&subject, NULL);
	assert_unnamed(&subject, subject.global);
	assert_note(&subject,
		    "replaced since it was loaded (build-id differs); its functions have no names");
	close_subject(&subject);
}
END_TEST

START_TEST(without_build_id_inode_and_size_tell)
{
	struct subject subject = make_library("no-id", "-Wl,--build-id=none");

	record(&subject);
	open_subject(&subject, NULL);
	assert_both_named(&subject); /* the twin without the fault */
	subject.symbolizer = ap_symbolizer_free(subject.symbolizer);

	ap_fixture_make("cp lib.so copy && mv copy lib.so"); /* same size, another inode */
	open_subject(&subject, NULL);
	assert_unnamed(&subject, subject.global);
	assert_note(&subject, "replaced since it was loaded (inode or size differs); its functions "
			      "have no names");
	subject.symbolizer = ap_symbolizer_free(subject.symbolizer);
	free(subject.module.path);

	record(&subject);
	ap_fixture_make("echo more >> lib.so"); /* same inode, another size */
	open_subject(&subject, NULL);
	assert_unnamed(&subject, subject.global);
	assert_note(&subject, "replaced since it was loaded (inode or size differs); its functions "
			      "have no names");
	close_subject(&subject);
}
END_TEST

START_TEST(a_rebuilt_library_that_is_the_same_keeps_its_names)
{
	struct subject subject = make_library("same", "-Wl,--build-id=sha1");

	record(&subject);
	ap_fixture_make("cp lib.so copy && strip --strip-debug copy && mv copy lib.so");
	open_subject(&subject, NULL);
	assert_named(&subject, subject.local, "local_function", 0);
	close_subject(&subject);
}
END_TEST

START_TEST(a_replaced_library_is_named_from_its_debug_file)
{
	struct subject subject =
		make_library(_i == 0 ? "rescue" : "rescue-eu", "-Wl,--build-id=sha1");

	record(&subject);
	ap_fixture_make(make_other, "-Wl,--build-id=sha1");
	if (_i == 0) {
		split_library();
	} else if (ap_fixture_has("eu-strip")) {
		ap_fixture_make("eu-strip -f lib.debug lib.so");
	} else {
		return;
	}
	move_to_debug_dir(&subject, BY_BUILD_ID);
	ap_fixture_make("cat other.so > lib.so");
	open_subject(&subject, "debug");
	assert_named(&subject, subject.local, "local_function", 2);
	assert_named(&subject, subject.global, "global_function", 5);
	assert_note(&subject, "replaced since it was loaded (build-id differs); names are from its "
			      "separate debug file");
	close_subject(&subject);
}
END_TEST

START_TEST(what_is_no_elf_file_now_has_no_names)
{
	static const char *const commands[] = {
		"echo 'hello' > lib.so",
		": > lib.so",
		"rm lib.so && mkdir lib.so",
		"rmdir lib.so && mkfifo lib.so",
	};
	struct subject subject = make_library("no-elf", "-Wl,--build-id=sha1");

	record(&subject);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		ap_fixture_make("%s", commands[i]);
		open_subject(&subject, NULL);
		assert_unnamed(&subject, subject.global);
		assert_note(&subject, "replaced since it was loaded: not an ELF file; its "
				      "functions have no names");
		subject.symbolizer = ap_symbolizer_free(subject.symbolizer);
	}
	close_subject(&subject);
}
END_TEST

START_TEST(a_file_that_may_not_be_read_says_so)
{
	struct subject subject = make_library("unreadable", "-Wl,--build-id=sha1");

	record(&subject);
	free(subject.module.path);
	ap_fixture_make("ln -s loop2 loop1 && ln -s loop1 loop2");
	ck_assert_int_gt(asprintf(&subject.module.path, "%s/loop1/lib.so", subject.dir), 0);
	open_subject(&subject, NULL);
	assert_unnamed(&subject, subject.global);
	assert_note(
		&subject,
		"cannot be read: Too many levels of symbolic links; its functions have no names");
	close_subject(&subject);
}
END_TEST

/* --- The network. --- */

START_TEST(debuginfod_is_asked_only_on_request)
{
	const struct ap_symbolizer_options allowed = {.debuginfod = true},
					   denied = {.debuginfod = false};

	ck_assert_int_eq(setenv("DEBUGINFOD_URLS", "http://localhost:1/", 1), 0);
	ap_symbolizer_free(ap_symbolizer_new(NULL, 0, &allowed));
	ck_assert_str_eq(getenv("DEBUGINFOD_URLS"), "http://localhost:1/");
	ap_symbolizer_free(ap_symbolizer_new(NULL, 0, &denied));
	ck_assert_ptr_null(getenv("DEBUGINFOD_URLS"));
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_stripped_library_has_the_names_it_exports);
	tcase_add_test(tcase, minidebuginfo_names_local_functions);
	tcase_add_test(tcase, debuglink_leads_to_the_file_beside_the_library);
	tcase_add_test(tcase, debuglink_with_another_checksum_is_not_followed);
	tcase_add_test(tcase, elfutils_and_binutils_debug_files_are_both_read);
	tcase_add_loop_test(tcase, the_debug_directory_is_searched, 0, 2 * PLACES);
	tcase_add_loop_test(tcase, a_debug_file_of_another_binary_is_not_used, 0, 2);
	tcase_add_test(tcase, a_debug_directory_with_a_colon_is_searched_by_name);
	tcase_add_test(tcase, a_fifo_in_the_place_of_a_debug_file_does_not_block);
	tcase_add_test(tcase, a_deleted_library_has_no_names_and_a_note);
	tcase_add_test(tcase, a_path_that_the_kernel_calls_deleted_is_tried_without_the_remark);
	tcase_add_test(tcase, a_replaced_library_is_known_by_its_build_id);
	tcase_add_test(tcase, a_library_that_lost_its_build_id_is_another_one);
	tcase_add_test(tcase, without_build_id_inode_and_size_tell);
	tcase_add_test(tcase, a_rebuilt_library_that_is_the_same_keeps_its_names);
	tcase_add_loop_test(tcase, a_replaced_library_is_named_from_its_debug_file, 0, 2);
	tcase_add_test(tcase, what_is_no_elf_file_now_has_no_names);
	tcase_add_test(tcase, a_file_that_may_not_be_read_says_so);
	tcase_add_test(tcase, debuginfod_is_asked_only_on_request);
}

int main(void)
{
	Suite *suite = suite_create("symbolize-files");
	TCase *tcase = tcase_create("symbolize-files");

	tcase_add_unchecked_fixture(tcase, ap_fixture_begin, ap_fixture_end);
	tcase_set_timeout(tcase, 60);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	return ap_check_main(suite);
}
