/* SPDX-License-Identifier: MIT */
/* cli/collect.c - see collect.h. */
#include "cli/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"
#include "monitor/attendant.h"
#include "monitor/page.h"
#include "monitor/publish.h"
#include "monitor/store.h"

static void count(struct ap_collect *collect, const struct ap_published *published, bool root)
{
	if (root) {
		for (unsigned i = 0; i < published->files_n && !collect->quiet; i++) {
			ap_complain("report: %s", published->files[i]);
		}
		collect->roots += published->files_n;
		return;
	}
	if (!collect->others && published->files_n) {
		snprintf(collect->first_other, sizeof(collect->first_other), "%s",
			 published->files[0]);
	}
	collect->others += published->files_n;
}

static void publish(struct ap_collect *collect, const char *spool,
		    const struct ap_profile_known_end *end, bool root)
{
	static struct ap_published published;
	const struct ap_publish what = {
		.spool = spool,
		.known = end,
		.symbols = collect->symbols,
		.output = collect->output,
		.cwd = ".", /* ours: where the user is */
	};

	const int r = ap_publish(&what, &published);
	if (r < 0 || published.outcome == AP_PUBLISH_FAILED) {
		ap_complain("no report of '%s': %s", spool,
			    r < 0 ? strerror(-r) : published.problem);
		collect->failed++;
		return;
	}
	if (published.problem[0]) {
		ap_complain("%s", published.problem);
	}
	collect->silent += published.outcome == AP_PUBLISH_NOTHING;
	count(collect, &published, root);
	unlink(spool);
}

/* Reports a dead process, unless it asked for none. */
static void collect_dead(struct ap_collect *collect, const struct ap_store_entry *entry,
			 const struct ap_profile_known_end *end)
{
	struct ap_spool_header *page;
	bool wanted = true;

	if (ap_page_open(entry->path, &page) == 0) {
		wanted = page->report_wanted;
		if (page->end_kind == AP_END_EXEC) {
			ap_page_end(page);
			end = NULL; /* that of what came after it */
		}
		collect->inert_reason =
			page->inert_reason ? (int)page->inert_reason : collect->inert_reason;
		ap_page_close(page);
	}
	if (wanted) {
		publish(collect, entry->path, end, entry->pid == (uint32_t)collect->root);
		return;
	}
	if (!collect->quiet) {
		ap_complain("spool: %s", entry->path);
	}
	collect->kept++;
}

static void sample(const struct ap_store_entry *entry)
{
	struct ap_spool_header *page;

	if (ap_page_open(entry->path, &page) == 0) {
		if (page->end_kind != AP_END_EXEC) {
			ap_page_sample(page, (pid_t)entry->pid);
		}
		ap_page_close(page);
	}
}

void ap_collect_tick(struct ap_collect *collect)
{
	struct ap_store store;

	if (ap_store_list(collect->dir, &store) < 0) {
		return;
	}
	for (size_t i = 0; i < store.n; i++) {
		const struct ap_store_entry *entry = &store.entries[i];
		if (!entry->readable) {
			continue;
		}
		if (entry->alive || entry->pid == (uint32_t)collect->root) {
			sample(entry);
		} else {
			collect_dead(collect, entry, NULL);
		}
	}
	ap_store_clear(&store);
}

void ap_collect_dying(struct ap_collect *collect)
{
	struct ap_store store;

	if (ap_store_list(collect->dir, &store) < 0) {
		return;
	}
	for (size_t i = 0; i < store.n; i++) {
		if (store.entries[i].readable && store.entries[i].pid == (uint32_t)collect->root) {
			sample(&store.entries[i]);
		}
	}
	ap_store_clear(&store);
}

/* The command's own figure, when no child of its own can have set it. */
static void note_memory(const char *spool, const struct ap_launch_end *end)
{
	struct ap_spool_header *page;

	if (ap_page_open(spool, &page) < 0) {
		return;
	}
	if (page->end_kind != AP_END_EXEC && !page->processes_created &&
	    end->max_rss_bytes > page->usage.max_rss_bytes) {
		page->usage.max_rss_bytes = end->max_rss_bytes;
	}
	ap_page_close(page);
}

/* What goes on without us is attended as if it had been started without us. */
static void hand_over(const struct ap_collect *collect, const struct ap_store_entry *entry)
{
	static struct ap_profile_wishes wishes;
	const pid_t first = fork();

	if (first > 0) {
		waitpid(first, NULL, 0);
	}
	if (first != 0) {
		return;
	}
	setsid();
	if (fork() != 0) {
		_exit(0);
	}
	const int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3 && null >= 0; fd++) {
		dup2(null, fd);
	}
	close_range(3, ~0u, 0);
	snprintf(wishes.output, sizeof(wishes.output), "%s", collect->output);
	if (!getcwd(wishes.cwd, sizeof(wishes.cwd))) {
		wishes.cwd[0] = 0;
	}
	_exit(ap_attend(entry->path, (pid_t)entry->pid, &wishes) < 0);
}

void ap_collect_root(struct ap_collect *collect, const struct ap_launch_end *end)
{
	const struct ap_profile_known_end known = {true, end->wait_status};
	struct ap_store store;

	if (ap_store_list(collect->dir, &store) < 0) {
		return;
	}
	for (size_t i = 0; i < store.n; i++) {
		const struct ap_store_entry *entry = &store.entries[i];
		const bool root = entry->pid == (uint32_t)collect->root;
		if (!entry->readable) {
			ap_complain("cannot read '%s': %s", entry->path, entry->error.text);
			collect->failed++;
		} else if (entry->alive) {
			hand_over(collect, entry);
			collect->alive++;
		} else {
			if (root) {
				note_memory(entry->path, end);
			}
			collect_dead(collect, entry, root ? &known : NULL);
		}
	}
	ap_store_clear(&store);
}
