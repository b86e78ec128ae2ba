/* SPDX-License-Identifier: MIT */
/* cli/verb_info.c - `autoprof info`: what a spool is, what will become of a program, what is
 * wrong here. */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/info.h"
#include "cli/options.h"
#include "cli/spools.h"

struct values {
	const char *dir;
};

#define AT(member) offsetof(struct values, member)
static const struct ap_option options[] = {
	{"dir", 'd', AP_OPTION_TEXT, AT(dir), "DIR", "where spools are looked for", NULL},
	{0},
};
#undef AT

/* What begins as a spool, or is called so, is one; other files are programs. */
static bool is_program(const char *path)
{
	static const char magic[] = AP_SPOOL_MAGIC;
	const size_t length = strlen(path), suffix = sizeof(AP_SPOOL_SUFFIX) - 1;
	char begin[sizeof(magic)] = "";
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		return false;
	}
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const bool has_magic = fd >= 0 &&
			       read(fd, begin, sizeof(begin)) == (ssize_t)sizeof(begin) &&
			       memcmp(begin, magic, sizeof(magic)) == 0;
	if (fd >= 0) {
		close(fd);
	}
	return !has_magic &&
	       !(length > suffix && strcmp(path + length - suffix, AP_SPOOL_SUFFIX) == 0);
}

static int info_spools(char *operand, const char *dir)
{
	struct ap_store store;

	int worst = ap_spools_find(&operand, 1, dir, &store);
	for (size_t i = 0; i < store.n; i++) {
		const int r = ap_info_spool(&store.entries[i]);
		worst = r < 0 ? r : worst;
	}
	ap_store_clear(&store);
	return worst;
}

static int info(const struct ap_verb *verb, int argc, char **argv)
{
	struct values values = {0};
	int status, worst = 0;

	const int first = ap_options_parse(verb, argc, argv, &values, &status);
	if (first < 0) {
		return status;
	}
	if (first == argc) {
		worst = ap_info_environment(values.dir);
	}
	for (int i = first; i < argc; i++) {
		const int r = is_program(argv[i]) ? ap_info_program(argv[i])
						  : info_spools(argv[i], values.dir);
		worst = r < 0 ? r : worst;
	}
	return worst < 0 ? AP_EXIT_TROUBLE : AP_EXIT_OK;
}

const struct ap_verb ap_verb_info = {
	.name = "info",
	.summary = "explain a spool, a program or this environment",
	.operands = "[SPOOL|PID|PROGRAM...]",
	.options = options,
	.trouble = AP_EXIT_TROUBLE,
	.run = info,
};
