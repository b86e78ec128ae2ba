/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-memory.c - the reader with every one of its allocations failing in turn. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "tests/support/ap_check.h"
#include "tests/support/model_check.h"
#include "tests/support/sample_spools.h"

/* The linker sends the reader's allocations here. */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
char *__wrap_strndup(const char *s, size_t n);
int __real_vasprintf(char **ret, const char *format, va_list args);
int __wrap_vasprintf(char **ret, const char *format, va_list args);

void __real_free(void *p);
void __wrap_free(void *p);

static long countdown = -1; /* allocations until the one that fails; negative: none does */
static long live;	    /* blocks that were not freed yet */

static bool fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

static void *count(void *p)
{
	live += p != NULL;
	return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : count(__real_calloc(n, size));
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	if (fails()) {
		return NULL;
	}
	live -= p != NULL;
	return count(__real_reallocarray(p, n, size));
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : count(__real_strdup(s));
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : count(__real_strndup(s, n));
}

int __wrap_vasprintf(char **ret, const char *format, va_list args)
{
	if (fails()) {
		return -1;
	}
	const int n = __real_vasprintf(ret, format, args);
	live += n >= 0;
	return n;
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

START_TEST(any_allocation_may_fail)
{
	struct ap_builder *b = ap_sample_spools[_i].make();
	long n = 0;

	b->hdr->exe.ref = UINT32_MAX; /* so that a text has to be replaced */
	for (;; n++) {
		struct ap_profile_error error = {""};
		struct ap_profile *p = NULL;
		size_t size;
		const void *bytes = ap_builder_bytes(b, &size);
		const long before = live;

		countdown = n;
		const int e = ap_profile_parse(bytes, size, NULL, &p, &error);
		const bool failed = countdown < 0;
		countdown = -1;
		const char *wrong = e == 0 ? ap_model_check(p) : NULL;
		p = ap_profile_free(p);
		const long left = live - before; /* before check allocates for itself */
		ck_assert_int_eq(e, failed ? -ENOMEM : 0);
		ck_assert_ptr_null(wrong);
		ck_assert_int_eq(left, 0);
		ck_assert_str_eq(error.text, failed ? "out of memory" : "");
		if (!failed) {
			break;
		}
	}
	ck_assert_int_gt(n, 10);
	ap_builder_free(b);
}
END_TEST

START_TEST(a_file_too_large_for_memory_is_refused)
{
	char path[] = "/tmp/autoprof-test-XXXXXX";
	struct ap_builder *b = ap_builder_new();
	struct ap_profile_error error = {""};
	struct ap_profile *p = NULL;

	ck_assert_int_ge(mkstemp(path), 0);
	ap_builder_save(b, path);
	countdown = 0;
	ck_assert_int_eq(ap_profile_open(path, NULL, &p, &error), -ENOMEM);
	countdown = -1;
	ck_assert_str_eq(error.text, "out of memory");
	ck_assert_ptr_null(p);
	remove(path);
	ap_builder_free(b);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile-memory");
	TCase *tests = tcase_create("memory");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, any_allocation_may_fail, 0, (int)ap_sample_spools_n);
	tcase_add_test(tests, a_file_too_large_for_memory_is_refused);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
