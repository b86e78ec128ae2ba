/* SPDX-License-Identifier: MIT */
/* cli/spools.c - see spools.h. */
#include "cli/spools.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/options.h"

/* The pid that @text is, 0 when it is something else. A file may well be called 123: ./123
 * names it. */
static uint32_t pid_of(const char *text)
{
	const char *end;
	const uint32_t pid = ap_names_number(text, &end);

	return *end ? 0 : pid;
}

/* The newest spool of @pid (0: of any) in the default directory. */
static int add_newest(uint32_t pid, const char *dir_option, struct ap_store *ret)
{
	char dir[PATH_MAX];
	struct ap_store all;

	int r = ap_store_dir(dir_option, dir, sizeof(dir));
	r = r < 0 ? r : ap_store_list(dir, &all);
	if (r < 0 && r != -ENOENT) {
		ap_complain("cannot read directory '%s': %s", dir,
			    r == -EACCES ? strerror(-r) : ap_store_why(r));
		return r;
	}
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		if (!pid || all.entries[i].pid == pid) {
			r = ap_store_add(ret, all.entries[i].path);
			ap_store_clear(&all);
			return r;
		}
	}
	if (r == 0) {
		ap_store_clear(&all);
	}
	if (pid) {
		ap_complain("no spool of process %u in '%s'", pid, dir);
	} else {
		ap_complain("no spool in '%s'", dir);
	}
	return -ENOENT;
}

static int add_directory(const char *dir, struct ap_store *ret)
{
	struct ap_store all;

	int r = ap_store_list(dir, &all);
	if (r < 0) {
		ap_complain("cannot read directory '%s': %s", dir,
			    r == -EACCES ? strerror(-r) : ap_store_why(r));
		return r;
	}
	if (!all.n) {
		ap_complain("no spool in '%s'", dir);
		r = -ENOENT;
	}
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		r = ap_store_add(ret, all.entries[i].path);
	}
	ap_store_clear(&all);
	return r;
}

static int add_operand(const char *operand, const char *dir, struct ap_store *ret)
{
	struct stat st;

	if (pid_of(operand)) {
		return add_newest(pid_of(operand), dir, ret);
	}
	if (stat(operand, &st) < 0) {
		const int r = -errno;
		ap_complain("cannot read '%s': %s", operand, strerror(-r));
		return r;
	}
	return S_ISDIR(st.st_mode) ? add_directory(operand, ret) : ap_store_add(ret, operand);
}

int ap_spools_find(char *const *operands, int operands_n, const char *dir, struct ap_store *ret)
{
	int worst = 0;

	*ret = (struct ap_store){0};
	if (!operands_n) {
		return add_newest(0, dir, ret);
	}
	for (int i = 0; i < operands_n; i++) {
		const int r = add_operand(operands[i], dir, ret);
		worst = r < 0 ? r : worst;
	}
	return worst;
}

void ap_spools_complain(const struct ap_store_entry *entry)
{
	ap_complain("cannot read '%s': %s", entry->path,
		    entry->error.text[0] ? entry->error.text : "unreadable");
}
