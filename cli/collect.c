/* SPDX-License-Identifier: MIT */
/* cli/collect.c - see collect.h. */
#include "cli/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/options.h"
#include "monitor/attendant.h"
#include "monitor/page.h"
#include "monitor/publish.h"
#include "monitor/store.h"
#include "monitor/watch.h"

#define NS_PER_S 1000000000ull
#define TICK_MS 1000
#define SOON_TICK_MS 20	 /* a list of hooks is wanted */
#define EARLY_TICKS 250	 /* in the first seconds one may be */
#define BUSY_TICK_MS 100 /* while many processes end */
#define BUSY_DEAD 16

static uint64_t unix_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void ap_collect_begin(struct ap_collect *collect)
{
	collect->start_unix_ns = unix_ns();
	ap_tree_init(&collect->tree, collect->dir, 0);
}

void ap_collect_started(struct ap_collect *collect, pid_t root)
{
	collect->root = root;
	ap_tree_init(&collect->tree, collect->dir, (uint32_t)root);
}

void ap_collect_end(struct ap_collect *collect)
{
	ap_site_list_cancel(&collect->sites);
	ap_tree_clear(&collect->tree);
}

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

/* Return: was the report dealt with? */
static bool publish(struct ap_collect *collect, const struct ap_publish *what, bool root)
{
	static struct ap_published published;
	const char *name = what->tree ? collect->program : what->spool;

	const int r = ap_publish(what, &published);
	if (r < 0 || published.outcome == AP_PUBLISH_FAILED) {
		ap_complain("no report of '%s': %s", name,
			    r < 0 ? strerror(-r) : published.problem);
		collect->failed++;
		return false;
	}
	if (published.problem[0]) {
		ap_complain("%s", published.problem);
	}
	collect->silent += published.outcome == AP_PUBLISH_NOTHING;
	count(collect, &published, root);
	return true;
}

static void publish_spool(struct ap_collect *collect, const char *spool,
			  const struct ap_profile_known_end *end, bool root)
{
	const struct ap_publish what = {
		.spool = spool,
		.known = end,
		.symbols = collect->symbols,
		.output = collect->output,
		.cwd = ".", /* ours: where the user is */
	};

	if (publish(collect, &what, root)) {
		ap_store_unlink(spool);
	} else {
		(void)ap_tree_add(&collect->tree, spool, AP_TREE_FAILED, NULL);
	}
}

static void keep(struct ap_collect *collect, const struct ap_store_entry *entry)
{
	(void)ap_tree_add(&collect->tree, entry->path, AP_TREE_LEFT, NULL);
	if (!collect->quiet) {
		ap_complain("spool: %s", entry->path);
	}
	collect->kept++;
}

/* Takes up a dead process: to be merged, or reported at once; unless it asked for none. */
static void collect_dead(struct ap_collect *collect, const struct ap_store_entry *entry,
			 const struct ap_profile_known_end *end)
{
	struct ap_spool_header *page;
	bool wanted = true;

	if (ap_tree_find(&collect->tree, entry->path)) {
		return; /* was taken up before */
	}
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
	if (!wanted) {
		keep(collect, entry);
	} else if (collect->per_process) {
		publish_spool(collect, entry->path, end, entry->pid == (uint32_t)collect->root);
	} else {
		(void)ap_tree_add(&collect->tree, entry->path, AP_TREE_WAITS, end);
	}
}

/* Complains of what could not be merged, once, and forgets what could. */
static void tell_merged(struct ap_collect *collect)
{
	struct ap_tree *tree = &collect->tree;

	for (size_t i = 0; i < tree->spools_n; i++) {
		struct ap_tree_spool *spool = &tree->spools[i];
		collect->silent += spool->state == AP_TREE_SILENT;
		if (spool->state == AP_TREE_FAILED && spool->problem[0]) {
			ap_complain("no report of '%s': %s", spool->path, spool->problem);
			spool->problem[0] = 0;
			collect->failed++;
		}
	}
	ap_tree_forget(tree);
}

static void merge(struct ap_collect *collect)
{
	ap_tree_merge(&collect->tree);
	tell_merged(collect);
}

/* Has another program taken its place? One that we know of has a younger spool of the same process;
 * where there is none, the announced exec has happened when our file is mapped no more. */
static bool is_replaced(const struct ap_store *store, const struct ap_store_entry *entry)
{
	const char *slash = strrchr(entry->path, '/');
	struct ap_spool_header *page;

	for (size_t i = 0; i < store->n; i++) {
		const struct ap_profile_head *other = &store->entries[i].head;
		if (store->entries[i].readable && other->pid == entry->head.pid &&
		    other->proc_start == entry->head.proc_start &&
		    other->start_unix_ns > entry->head.start_unix_ns) {
			return true;
		}
	}
	if (ap_page_open(entry->path, &page) < 0) {
		return false;
	}
	const bool announced = __atomic_load_n(&page->end_kind, __ATOMIC_ACQUIRE) == AP_END_EXEC;
	ap_page_close(page);
	return announced && ap_watch_maps((pid_t)entry->pid, slash ? slash + 1 : entry->path) == 0;
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

/* It may want a list before long, if it is young. */
static bool may_want(struct ap_collect *collect, uint32_t state)
{
	return state == AP_PATCH_OFF && collect->early_ticks++ < EARLY_TICKS;
}

/* We are its attendant. @served: set where the list that is being made is this one's. Return: does it wait for one, or soon may? */
static bool serve(struct ap_collect *collect, const struct ap_store_entry *entry, bool *served)
{
	struct ap_site_list *sites = &collect->sites;
	struct ap_spool_header *page;
	bool waits = false;

	if (ap_page_open(entry->path, &page) < 0) {
		return false;
	}
	if (page->patch_wanted) {
		const uint32_t state = ap_page_load(&page->patch_state);
		waits = state == AP_PATCH_WANTED || may_want(collect, state);
		if (!sites->child || strcmp(sites->spool, entry->path) == 0) {
			*served |= ap_site_list_serve(sites, entry->path, page);
		}
	}
	ap_page_close(page);
	return waits;
}

int ap_collect_tick(struct ap_collect *collect)
{
	const size_t before = collect->tree.spools_n;
	struct ap_store store;
	bool soon = false, served = false;

	if (ap_store_list(collect->dir, &store) < 0) {
		return TICK_MS;
	}
	for (size_t i = 0; i < store.n; i++) {
		const struct ap_store_entry *entry = &store.entries[i];
		if (!entry->readable) {
			continue;
		}
		const bool lives = entry->alive || entry->pid == (uint32_t)collect->root;
		if (!lives || is_replaced(&store, entry)) {
			collect_dead(collect, entry, NULL);
		} else {
			sample(entry);
			soon |= serve(collect, entry, &served);
		}
	}
	if (!served) { /* whose it was is over */
		ap_site_list_cancel(&collect->sites);
	}
	const bool busy = store.n >= BUSY_DEAD && collect->tree.spools_n >= before + BUSY_DEAD;
	ap_store_clear(&store);
	if (ap_tree_is_full(&collect->tree)) {
		merge(collect);
	}
	return soon ? SOON_TICK_MS : busy ? BUSY_TICK_MS : TICK_MS;
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

/* A process that goes on is a row of the table, if it has anything to say. */
static void list_running(struct ap_collect *collect, const struct ap_store_entry *entry)
{
	const struct ap_profile_head *head = &entry->head;
	const uint64_t now = unix_ns();
	struct ap_spool_header *page;

	if (ap_page_open(entry->path, &page) < 0) {
		return;
	}
	const struct ap_profile_process_row row = {
		.pid = head->pid,
		.ppid = head->ppid,
		.parent = -1,
		.exe = (char *)head->exe,
		.spool_id = head->spool_id,
		.parent_spool_id = page->parent_spool_id,
		.start_unix_ns = head->start_unix_ns,
		.duration_ns = now > head->start_unix_ns ? now - head->start_unix_ns : 0,
		.end = AP_PROFILE_RUNNING,
		.exit_status = -1,
		.cpu_ns = page->usage.cpu_ns > page->cpu_start_ns
				  ? page->usage.cpu_ns - page->cpu_start_ns
				  : 0,
		.max_rss_bytes = page->usage.max_rss_bytes,
		.processes = 1,
		.elsewhere = true,
	};
	if (page->threads) { /* records that were used again are among them */
		(void)ap_tree_add_running(&collect->tree, &row);
	} else {
		(void)ap_tree_add_kin(&collect->tree,
				      (struct ap_merge_kin){row.pid, row.ppid, row.start_unix_ns});
	}
	ap_page_close(page);
}

/* The root in the table, when nothing else tells of it. */
static void describe_root(struct ap_collect *collect, const struct ap_launch_end *end)
{
	static char cwd[PATH_MAX], exe[PATH_MAX];
	const int status = end->wait_status;
	const uint64_t now = unix_ns();

	collect->tree.root = (struct ap_profile_process_row){
		.pid = (uint32_t)collect->root,
		.ppid = (uint32_t)getpid(),
		.parent = -1,
		.exe = realpath(collect->program, exe) ? exe : (char *)collect->program,
		.start_unix_ns = collect->start_unix_ns,
		.duration_ns = now > collect->start_unix_ns ? now - collect->start_unix_ns : 0,
		.end = WIFSIGNALED(status) ? AP_PROFILE_SIGNAL : AP_PROFILE_EXIT,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		.processes = 1,
	};
	collect->tree.root_cwd = getcwd(cwd, sizeof(cwd)) ? cwd : "";
}

/* The spool of the root where it alone recorded something; NULL: more than that is to be told. */
static const struct ap_tree_spool *only_root(const struct ap_collect *collect)
{
	const struct ap_tree *tree = &collect->tree;

	if (tree->spools_n != 1 || tree->merged_fd >= 0 || tree->running_n ||
	    tree->spools[0].state != AP_TREE_WAITS) {
		return NULL;
	}
	const char *slash = strrchr(tree->spools[0].path, '/');
	const char *name = slash ? slash + 1 : tree->spools[0].path;
	return ap_names_spool_pid(name) == (uint32_t)collect->root ? &tree->spools[0] : NULL;
}

static void publish_tree(struct ap_collect *collect, const struct ap_launch_end *end)
{
	const struct ap_tree_spool *alone = only_root(collect);
	const struct ap_publish what = {.tree = &collect->tree,
					.symbols = collect->symbols,
					.output = collect->output,
					.cwd = "."};

	if (alone) {
		publish_spool(collect, alone->path, &alone->known, true);
		return;
	}
	ap_tree_read_kin(&collect->tree, collect->dir);
	merge(collect);
	if (collect->tree.merged_n) {
		describe_root(collect, end);
		(void)publish(collect, &what, true);
	}
}

static void collect_last(struct ap_collect *collect, const struct ap_store *store,
			 const struct ap_store_entry *entry, const struct ap_launch_end *end)
{
	const struct ap_profile_known_end known = {true, end->wait_status};
	const bool root = entry->pid == (uint32_t)collect->root;

	if (!entry->readable) {
		ap_complain("cannot read '%s': %s", entry->path, entry->error.text);
		ap_store_log(entry->path, "cannot read the spool: %s", entry->error.text);
		(void)ap_tree_add(&collect->tree, entry->path, AP_TREE_FAILED, NULL);
		collect->failed++;
	} else if (entry->alive && !is_replaced(store, entry)) {
		list_running(collect, entry);
		hand_over(collect, entry);
		collect->alive++;
	} else {
		if (root) {
			note_memory(entry->path, end);
		}
		collect_dead(collect, entry, root ? &known : NULL);
	}
}

void ap_collect_root(struct ap_collect *collect, const struct ap_launch_end *end)
{
	struct ap_store store;

	ap_site_list_cancel(&collect->sites); /* before its spool is removed */
	if (ap_store_list(collect->dir, &store) < 0) {
		return;
	}
	for (size_t i = 0; i < store.n; i++) {
		collect_last(collect, &store, &store.entries[i], end);
	}
	ap_store_clear(&store);
	if (!collect->per_process) {
		publish_tree(collect, end);
	}
}
