/* SPDX-License-Identifier: MIT */
/* cli/verb_ctl.c - `autoprof ctl`: stop, start and reset the recording of a living process, or have its report now. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/dump.h"
#include "cli/options.h"
#include "cli/spools.h"
#include "monitor/page.h"
#include "monitor/reset.h"

#define WAIT_STEPS 10000 /* of 0.1 ms */

struct values {
	const char *dir, *output;
};

static const struct ap_option options[] = {
	{"output", 'o', AP_OPTION_TEXT, offsetof(struct values, output), "FILE",
	 "of a snapshot; its extension picks the format", NULL},
	{"dir", 'd', AP_OPTION_TEXT, offsetof(struct values, dir), "DIR",
	 "where the spool is looked for", NULL},
	{0},
};

/** What a command works on. */
struct target {
	const struct ap_store_entry *entry;
	struct ap_spool_header *page;
	const char *output;
};

/* Recording is off, or on again, when we return: what the caller does next is behind it. The moment is a millisecond ahead
 * at most; by the page of a program that has overwritten it, it may never come. */
static int wait_until(const struct target *target, bool stopped)
{
	const uint32_t n = ap_page_load(&target->page->pauses_n);
	const struct ap_pause *pause = &target->page->pauses[n ? n - 1 : 0];
	const struct timespec step = {0, 100000};

	if (n == 0 || n > AP_PAUSES) {
		return 0;
	}
	for (int steps = 0; steps < WAIT_STEPS; steps++) {
		if (ap_page_now(target->page) >= (stopped ? pause->stop : pause->start)) {
			return 0;
		}
		nanosleep(&step, NULL);
	}
	ap_complain("cannot control %u: its spool is damaged", target->entry->pid);
	return -EBADMSG;
}

static int stop(const struct target *target)
{
	const int r = ap_page_stop(target->page);

	if (r < 0) {
		ap_complain("cannot stop %u: it has been stopped %u times, which is the most",
			    target->entry->pid, AP_PAUSES);
		return r;
	}
	return wait_until(target, true);
}

static int start(const struct target *target)
{
	ap_page_start(target->page);
	return wait_until(target, false);
}

static int snapshot(const struct target *target)
{
	const struct ap_dump how = {.output = target->output};

	return ap_dump(target->entry, &how);
}

static int reset(const struct target *target)
{
	ap_page_sample(target->page, (pid_t)target->entry->head.pid);
	const int r = ap_reset(target->entry->path);

	if (r < 0) {
		ap_complain("cannot reset %u: %s", target->entry->pid, strerror(-r));
	}
	return r;
}

static const struct command {
	const char *name;
	int (*run)(const struct target *target); /* complains. Return: 0 or negative */
} commands[] = {
	{"start", start},
	{"stop", stop},
	{"snapshot", snapshot},
	{"reset", reset},
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(commands[i].name, name) == 0) {
			return &commands[i];
		}
	}
	ap_complain("no command is called '%s'; there are start, stop, snapshot and reset", name);
	return NULL;
}

static int control(const struct ap_store_entry *entry, const struct command *command,
		   const char *output)
{
	struct target target = {entry, NULL, output};

	if (!ap_dump_possible(entry)) {
		return -1;
	}
	int r = ap_page_open(entry->path, &target.page);
	if (r < 0) {
		ap_complain("cannot control '%s': %s", entry->path, strerror(-r));
		return r;
	}
	r = command->run(&target);
	ap_page_close(target.page);
	return r;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int ctl(const struct ap_verb *verb, int argc, char **argv)
{
	struct values values = {0};
	struct ap_store store;
	int status = AP_EXIT_OK, r = 0;

	const int first = ap_options_parse(verb, argc, argv, &values, &status);
	if (first < 0) {
		return status;
	}
	if (argc - first != 2) {
		ap_complain("expected a process and a command; try 'autoprof ctl --help'");
		return AP_EXIT_TROUBLE;
	}
	const struct command *command = find(argv[first + 1]);
	if (!command) {
		return AP_EXIT_TROUBLE;
	}
	r = ap_spools_find(argv + first, 1, values.dir, &store);
	for (size_t i = 0; i < store.n; i++) {
		const struct ap_store_entry *entry = &store.entries[i];
		if (is_directory(argv[first]) && !(entry->readable && entry->alive)) {
			continue; /* of those that are there */
		}
		const int e = control(entry, command, values.output);
		r = e < 0 ? e : r;
	}
	ap_store_clear(&store);
	return r < 0 ? AP_EXIT_TROUBLE : AP_EXIT_OK;
}

const struct ap_verb ap_verb_ctl = {
	.name = "ctl",
	.summary = "stop, start or reset recording in a living process, or have its report now",
	.operands = "PID|SPOOL|DIR start|stop|snapshot|reset",
	.options = options,
	.trouble = AP_EXIT_TROUBLE,
	.run = ctl,
};
