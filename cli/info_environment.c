/* SPDX-License-Identifier: MIT */
/* cli/info_environment.c - would a program that is started here be profiled? By the runtime's
 * own rules. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/info.h"
#include "cli/library.h"
#include "cli/options.h"
#include "report/escape.h"
#include "report/units.h"

#define LOG_LINES 10

void ap_info_line(const char *name, const char *format, ...)
{
	char value[8192];
	struct ap_piece piece;
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	printf("%-12s ", name);
	for (const char *at = ap_piece_next(value, &piece); at; at = ap_piece_next(at, &piece)) {
		fputs(piece.text, stdout);
	}
	putchar('\n');
}

/* One that is not there yet is made by the first program, if it can. Return: 0 or what forbids it. */
static int print_missing(const char *dir)
{
	char above[PATH_MAX];
	int r = ap_store_parent(dir, above, sizeof(above));

	r = r < 0 ? r : access(above, W_OK | X_OK) < 0 ? -errno : 0;
	ap_info_line("directory", "%s%s%s", dir,
		     r < 0 ? " CANNOT BE MADE: " : " (made when needed)",
		     r < 0 ? strerror(-r) : "");
	return r;
}

static int print_directory(const char *dir)
{
	struct statfs fs;
	struct stat st;
	int r = 0;

	if (lstat(dir, &st) < 0) {
		return print_missing(dir);
	}
	r = ap_names_check_dir(&st, geteuid());
	ap_info_line("directory", "%s%s%s", dir, r < 0 ? " CANNOT BE USED: " : "",
		     r < 0 ? ap_store_why(r) : "");
	if (r == 0 && statfs(dir, &fs) == 0) {
		ap_info_line("free", "%s%s",
			     ap_human_bytes((uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize).text,
			     AP_FS_IN_MEMORY(fs.f_type)
				     ? ""
				     : " ON A DISK: programs may have to wait for it");
	}
	return r;
}

static void print_spools(const char *dir)
{
	struct ap_store store;
	size_t living = 0;

	if (ap_store_list(dir, &store) < 0) {
		return;
	}
	for (size_t i = 0; i < store.n; i++) {
		living += store.entries[i].alive;
	}
	ap_info_line("spools", "%zu of running processes, %zu of dead ones", living,
		     store.n - living);
	ap_store_clear(&store);
}

/* The last lines: a ring of them while reading. */
static void print_log(const char *dir)
{
	static char lines[LOG_LINES][512];
	char path[PATH_MAX + 8];
	unsigned n = 0;

	FILE *log = ap_names_log(path, sizeof(path), dir) == 0 ? fopen(path, "re") : NULL;
	if (!log) {
		return;
	}
	while (fgets(lines[n % LOG_LINES], sizeof(lines[0]), log)) {
		lines[n % LOG_LINES][strcspn(lines[n % LOG_LINES], "\n")] = 0;
		n++;
	}
	fclose(log);
	for (unsigned i = n > LOG_LINES ? n - LOG_LINES : 0; i < n; i++) {
		ap_info_line("log", "%s", lines[i % LOG_LINES]);
	}
}

static void print_variables(void)
{
	static const char *const names[] = {"AUTOPROF_OPTIONS", "AUTOPROF_DISABLE", "LD_PRELOAD",
					    "DEBUGINFOD_URLS"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);
		if (value) {
			ap_info_line("variable", "%s=%s", names[i], value);
		}
	}
}

int ap_info_environment(const char *dir_option)
{
	char dir[PATH_MAX], library[PATH_MAX];

	int r = ap_store_dir(dir_option, dir, sizeof(dir));
	if (r < 0) {
		ap_complain("no directory for spools: %s", strerror(-r));
		return r;
	}
	ap_info_line("version", "%s, spools of version %u", AP_VERSION, AP_SPOOL_VERSION);
	const int found = ap_library_find(library, sizeof(library));
	ap_info_line("library", "%s",
		     found < 0 ? "NOT FOUND: programs cannot be profiled" : library);
	r = print_directory(dir);
	print_variables();
	print_spools(dir);
	print_log(dir);
	return r < 0 ? r : found;
}
