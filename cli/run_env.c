/* SPDX-License-Identifier: MIT */
/* cli/run_env.c - see run_env.h. */
#include "cli/run_env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/library.h"
#include "monitor/store.h"

static int make_directory(const char *option, char *ret, size_t size)
{
	char dir[PATH_MAX], real[PATH_MAX];
	uint64_t random;

	int r = ap_store_dir(option, dir, sizeof(dir));
	r = r < 0 ? r : ap_store_make(dir);
	if (r < 0) {
		struct stat st;
		ap_complain("cannot use directory '%s': %s", dir,
			    lstat(dir, &st) < 0 ? strerror(-r) : ap_store_why(r));
		return r;
	}
	if (!realpath(dir, real) ||
	    getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		return -errno;
	}
	r = ap_names_run_dir(ret, size, real, (uint32_t)getpid(), random);
	r = r < 0 ? r : ap_store_make(ret);
	if (r < 0) {
		ap_complain("cannot make a directory in '%s': %s", dir, strerror(-r));
	}
	return r;
}

/* The loader splits LD_PRELOAD at blanks and colons, takes $LIB and the like for names of its own, and nothing can quote
 * them. */
#define NOT_PLAIN " :$"

static const char *plain_path(const char *library, const char *dir, char *link, size_t size)
{
	if (!strpbrk(library, NOT_PLAIN)) {
		return library;
	}
	snprintf(link, size, "%s/" AP_RUN_LIBRARY, dir);
	return strpbrk(link, NOT_PLAIN) || symlink(library, link) < 0 ? NULL : link;
}

static int make_preload(struct ap_run_env *env)
{
	const char *before = getenv("LD_PRELOAD");
	char library[PATH_MAX], link[PATH_MAX + 32];

	if (ap_doctor(&env->facts)->verdict == AP_DOCTOR_HARM) {
		env->preload = NULL;
		return 0;
	}
	if (ap_library_find(library, sizeof(library)) < 0) {
		ap_complain(
			"libautoprof.so is not where it should be; is autoprof installed whole?");
		return -ENOENT;
	}
	const char *path = plain_path(library, env->dir, link, sizeof(link));
	if (!path) {
		ap_complain("neither '%s' nor '%s' can be preloaded: a blank, colon or dollar in "
			    "the path",
			    library, env->dir);
		return -EINVAL;
	}
	snprintf(env->preload_text, sizeof(env->preload_text), "%s%s%s", path,
		 before && *before ? ":" : "", before ? before : "");
	env->preload = env->preload_text;
	return 0;
}

/* @value as it is: what would end it is escaped. */
static void put_option(struct ap_names_text *text, const char *key, const char *value)
{
	if (text->used) {
		ap_names_put_char(text, ':');
	}
	ap_names_put(text, key);
	for (; *value; value++) {
		if (*value == ':' || *value == '\\') {
			ap_names_put_char(text, '\\');
		}
		ap_names_put_char(text, *value);
	}
}

static size_t backslashes_before(const char *text, size_t end)
{
	size_t n = 0;

	while (n < end && text[end - 1 - n] == '\\') {
		n++;
	}
	return n;
}

/* Without what would make part of itself of what follows: colons at the end, a lone backslash. */
static void put_given(struct ap_names_text *text, const char *given)
{
	size_t n = strlen(given);

	while (n && given[n - 1] == ':' && backslashes_before(given, n - 1) % 2 == 0) {
		n--;
	}
	for (size_t i = 0; i < n; i++) {
		ap_names_put_char(text, given[i]);
	}
	if (backslashes_before(given, n) % 2) {
		ap_names_put_char(text, '\\');
	}
}

static int make_options(const struct ap_option_list *options, const char *output,
			struct ap_run_env *env)
{
	struct ap_names_text text = {env->options, sizeof(env->options), 0};
	const char *before = getenv("AUTOPROF_OPTIONS");

	env->options[0] = 0;
	put_given(&text, before ? before : "");
	for (unsigned i = 0; i < options->n; i++) {
		put_option(&text, "", options->values[i]);
	}
	if (output) {
		put_option(&text, "output=", output);
	}
	put_option(&text, "dir=", env->dir);
	put_option(&text, "monitor=", "off"); /* we are the monitor */
	if (ap_names_fit(&text) < 0) {
		ap_complain("the options are too long");
	}
	return ap_names_fit(&text);
}

int ap_run_env_make(const char *program, const char *dir, const char *output,
		    const struct ap_option_list *options, struct ap_run_env *ret)
{
	(void)ap_elf_facts(program,
			   &ret->facts); /* one that can be run but not read is no ELF to us */
	int r = make_directory(dir, ret->dir, sizeof(ret->dir));
	if (r < 0) {
		return r;
	}
	r = make_preload(ret);
	r = r < 0 ? r : make_options(options, output, ret);
	if (r < 0) {
		(void)ap_store_remove_run(ret->dir);
	}
	return r;
}
