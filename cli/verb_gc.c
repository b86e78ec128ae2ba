/* SPDX-License-Identifier: MIT */
/* cli/verb_gc.c - `autoprof gc`: remove what dead processes left behind. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/options.h"
#include "monitor/store.h"

#define NS_PER_S 1000000000ll
#define KEEP_NS (24 * 3600 * NS_PER_S)
#define LOG_MOST_BYTES (1 << 20)

struct values {
	const char *dir;
	bool all, dry;
};

#define AT(member) offsetof(struct values, member)
static const struct ap_option options[] = {
	{"all", 'a', AP_OPTION_FLAG, AT(all), NULL, "also those that died less than 24 hours ago",
	 NULL},
	{"dry-run", 'n', AP_OPTION_FLAG, AT(dry), NULL, "only say what would be removed", NULL},
	{"dir", 'd', AP_OPTION_TEXT, AT(dir), "DIR", "where spools are looked for", NULL},
	{0},
};
#undef AT

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int remove_spool(const struct values *values, const struct ap_store_entry *entry)
{
	const int r = values->dry ? 0 : ap_store_discard(entry->path);

	if (r < 0) {
		ap_complain("cannot remove '%s': %s", entry->path, strerror(-r));
	} else {
		printf("%s %s\n", values->dry ? "would remove" : "removed", entry->path);
	}
	return r;
}

static int collect_spools(const struct values *values, const char *dir)
{
	const int64_t young = now_ns() - KEEP_NS;
	struct ap_store store;
	int worst = 0;

	int r = ap_store_list(dir, &store);
	if (r < 0) {
		return r;
	}
	for (size_t i = 0; i < store.n; i++) {
		const struct ap_store_entry *entry = &store.entries[i];
		if (!entry->alive && !ap_store_is_held(entry->path) &&
		    (values->all || entry->sign_of_life_ns < young)) {
			r = remove_spool(values, entry);
			worst = r < 0 ? r : worst;
		}
	}
	ap_store_clear(&store);
	return worst;
}

/* Run directories without a spool whose `autoprof run` was killed. */
static void collect_runs(const struct values *values, const char *dir)
{
	DIR *stream;
	char path[PATH_MAX];

	if (values->dry || ap_store_open(dir, &stream) < 0) {
		return;
	}
	for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
		const uint32_t pid = ap_names_run_pid(entry->d_name);
		if (!pid || kill((pid_t)pid, 0) == 0 || errno != ESRCH) {
			continue;
		}
		if (snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < (int)sizeof(path) &&
		    ap_store_remove_run(path) == 0) {
			printf("removed %s\n", path);
		}
	}
	closedir(stream);
}

/* Every program may add to the log, nothing else shortens it. */
static void collect_log(const struct values *values, const char *dir)
{
	char path[PATH_MAX + 8];
	struct stat st;

	/* A file of that name in a directory that cannot be one for spools is somebody else's. */
	if (lstat(dir, &st) < 0 || ap_names_check_dir(&st, geteuid()) < 0 ||
	    ap_names_log(path, sizeof(path), dir) < 0 || lstat(path, &st) < 0 ||
	    st.st_size <= LOG_MOST_BYTES) {
		return;
	}
	if (values->dry || unlink(path) == 0) {
		printf("%s %s\n", values->dry ? "would remove" : "removed", path);
	}
}

static int gc(const struct ap_verb *verb, int argc, char **argv)
{
	struct values values = {0};
	char dir[PATH_MAX];
	int status;

	const int first = ap_options_parse(verb, argc, argv, &values, &status);
	if (first < 0) {
		return status;
	}
	if (first != argc) {
		ap_complain("gc takes no arguments");
		return AP_EXIT_TROUBLE;
	}
	int r = ap_store_dir(values.dir, dir, sizeof(dir));
	r = r < 0 ? r : collect_spools(&values, dir);
	if (r == -ENOENT) {
		return AP_EXIT_OK; /* nothing was ever there */
	}
	if (r == -EPERM) {
		ap_complain("cannot clean '%s': %s", dir, ap_store_why(r));
		return AP_EXIT_TROUBLE;
	}
	collect_runs(&values, dir);
	collect_log(&values, dir);
	if (r < 0) {
		ap_complain("cannot clean '%s': %s", dir, strerror(-r));
	}
	return r < 0 ? AP_EXIT_TROUBLE : AP_EXIT_OK;
}

const struct ap_verb ap_verb_gc = {
	.name = "gc",
	.summary = "remove old spools of dead processes",
	.operands = "",
	.options = options,
	.trouble = AP_EXIT_TROUBLE,
	.run = gc,
};
