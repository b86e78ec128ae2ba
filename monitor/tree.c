/* SPDX-License-Identifier: MIT */
/* monitor/tree.c - see tree.h. */
#include "monitor/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/guard.h"
#include "monitor/store.h"
#include "spool/names.h"

#define BATCH_MOST 64u		    /* spools that one child reads */
#define BATCH_BYTES (256ull << 20)  /* or so many bytes */
#define WAITING_BYTES (64ull << 20) /* of spools that wait, together */
#define KIN_BYTES (2u << 20)
#define MEMORY_FACTOR 4u /* a profile may take several times the memory of its spool */

/* What a child says of a spool; shared with it. */
struct verdict {
	enum ap_tree_state state;
	char problem[256];
	struct ap_merge_kin kin; /* of a silent one */
};

struct board {
	int at; /* the one that is being read; -1: none */
	struct verdict verdicts[BATCH_MOST];
};

/* What a guarded child works on. */
struct batch {
	struct ap_tree *tree;
	struct board *board;
	size_t spools[BATCH_MOST]; /* indexes */
	size_t n;
	int into_fd;
};

void ap_tree_init(struct ap_tree *tree, const char *dir, uint32_t root_pid)
{
	*tree = (struct ap_tree){.root_pid = root_pid, .merged_fd = -1};
	snprintf(tree->place, sizeof(tree->place), "%s/%" PRIu32, dir, root_pid);
}

void ap_tree_clear(struct ap_tree *tree)
{
	for (size_t i = 0; i < tree->spools_n; i++) {
		free(tree->spools[i].path);
	}
	for (size_t i = 0; i < tree->running_n; i++) {
		free(tree->running[i].exe);
	}
	free(tree->spools);
	free(tree->running);
	free(tree->kin);
	if (tree->merged_fd >= 0) {
		close(tree->merged_fd);
	}
	*tree = (struct ap_tree){.merged_fd = -1};
}

struct ap_tree_spool *ap_tree_find(struct ap_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->spools_n; i++) {
		if (strcmp(tree->spools[i].path, path) == 0) {
			return &tree->spools[i];
		}
	}
	return NULL;
}

int ap_tree_add(struct ap_tree *tree, const char *path, enum ap_tree_state state,
		const struct ap_profile_known_end *known)
{
	struct ap_tree_spool *more = reallocarray(tree->spools, tree->spools_n + 1, sizeof(*more));

	if (!more) {
		return -ENOMEM;
	}
	tree->spools = more;
	struct ap_tree_spool *spool = &more[tree->spools_n];
	*spool = (struct ap_tree_spool){.path = strdup(path), .state = state};
	if (!spool->path) {
		return -ENOMEM;
	}
	if (known) {
		spool->known = *known;
	}
	spool->bytes = ap_store_bytes(path);
	tree->spools_n++;
	tree->kept_n += state == AP_TREE_LEFT;
	tree->failed_n += state == AP_TREE_FAILED;
	return 0;
}

int ap_tree_add_running(struct ap_tree *tree, const struct ap_profile_process_row *row)
{
	struct ap_profile_process_row *more =
		reallocarray(tree->running, tree->running_n + 1, sizeof(*more));

	if (!more) {
		return -ENOMEM;
	}
	tree->running = more;
	more[tree->running_n] = *row;
	more[tree->running_n].exe = strdup(row->exe);
	if (!more[tree->running_n].exe) {
		return -ENOMEM;
	}
	tree->running_n++;
	return 0;
}

int ap_tree_add_kin(struct ap_tree *tree, struct ap_merge_kin kin)
{
	if ((tree->kin_n & (tree->kin_n - 1)) == 0) {
		const size_t room = tree->kin_n ? 2 * tree->kin_n : 1;
		struct ap_merge_kin *more = reallocarray(tree->kin, room, sizeof(*more));
		if (!more) {
			return -ENOMEM;
		}
		tree->kin = more;
	}
	tree->kin[tree->kin_n++] = kin;
	return 0;
}

void ap_tree_read_kin(struct ap_tree *tree, const char *dir)
{
	char path[PATH_MAX], line[128];
	struct ap_merge_kin kin;
	size_t bytes = 0;

	if (snprintf(path, sizeof(path), "%s/" AP_RUN_KIN, dir) >= (int)sizeof(path)) {
		return;
	}
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file) {
		return;
	}
	while (bytes < KIN_BYTES && fgets(line, sizeof(line), file)) {
		bytes += strlen(line);
		if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu64, &kin.pid, &kin.ppid,
			   &kin.start_unix_ns) == 3 &&
		    ap_tree_add_kin(tree, kin) < 0) {
			break;
		}
	}
	fclose(file);
}

bool ap_tree_is_full(const struct ap_tree *tree)
{
	uint64_t bytes = 0;
	size_t n = 0;

	for (size_t i = 0; i < tree->spools_n; i++) {
		if (tree->spools[i].state == AP_TREE_WAITS) {
			bytes += tree->spools[i].bytes;
			n++;
		}
	}
	return n >= BATCH_MOST || bytes >= WAITING_BYTES;
}

/* --- In the guarded child. --- */

static int load(const struct ap_tree *tree, struct ap_merge **ret)
{
	struct stat st;

	if (tree->merged_fd < 0) {
		*ret = ap_merge_new(tree->root_pid);
		return *ret ? 0 : -ENOMEM;
	}
	FILE *in = fdopen(dup(tree->merged_fd), "r");
	int r = -EBADMSG;
	if (in && fstat(tree->merged_fd, &st) == 0 && fseek(in, 0, SEEK_SET) == 0) {
		r = ap_merge_load(in, (uint64_t)st.st_size, ret);
	}
	if (in) {
		fclose(in);
	}
	return r;
}

static int read_spool(struct ap_merge *merge, const struct ap_tree_spool *spool,
		      struct verdict *verdict)
{
	struct ap_profile_error error = {.text = ""};
	struct ap_profile *profile;

	verdict->state = AP_TREE_FAILED;
	int r = ap_profile_open(spool->path, &spool->known, &profile, &error);
	if (r < 0) {
		snprintf(verdict->problem, sizeof(verdict->problem),
			 "cannot read the spool: %.200s",
			 error.text[0] ? error.text : strerror(-r));
		return 0;
	}
	const struct ap_profile_process *process = &profile->process;
	if (profile->quality.attempted == 0) {
		verdict->kin =
			(struct ap_merge_kin){process->pid, process->ppid, process->start_unix_ns};
		verdict->state = AP_TREE_SILENT;
	} else {
		r = ap_merge_add(merge, profile);
		verdict->state = r < 0 ? AP_TREE_FAILED : AP_TREE_MERGED;
	}
	ap_profile_free(profile);
	return r;
}

static int merge_all(struct batch *batch, struct ap_merge *merge)
{
	for (size_t i = 0; i < batch->n; i++) {
		batch->board->at = (int)i;
		if (read_spool(merge, &batch->tree->spools[batch->spools[i]],
			       &batch->board->verdicts[i]) < 0) {
			return 1;
		}
	}
	batch->board->at = -1;
	FILE *out = fdopen(batch->into_fd, "w");
	const bool is_saved = out && ap_merge_save(merge, out) == 0;
	if (out) {
		fclose(out);
	}
	return is_saved ? 0 : 1;
}

static int work(void *arg)
{
	struct batch *batch = arg;
	struct ap_merge *merge;

	if (load(batch->tree, &merge) < 0) {
		return 1;
	}
	const int r = merge_all(batch, merge);
	ap_merge_free(merge);
	return r;
}

/* --- In ours. --- */

static void condemn(struct ap_tree *tree, struct ap_tree_spool *spool, const char *problem)
{
	spool->state = AP_TREE_FAILED;
	tree->failed_n++;
	snprintf(spool->problem, sizeof(spool->problem), "%s", problem);
	if (!tree->keep_spools) { /* else they are the user's, wherever they lie */
		ap_store_log(spool->path, "%s", problem);
	}
}

static void accept_one(struct ap_tree *tree, struct ap_tree_spool *spool,
		       const struct verdict *verdict)
{
	if (verdict->state == AP_TREE_FAILED) {
		condemn(tree, spool, verdict->problem);
		return;
	}
	spool->state = verdict->state;
	if (verdict->state == AP_TREE_SILENT) {
		(void)ap_tree_add_kin(tree, verdict->kin);
	} else {
		tree->merged_n++;
	}
	if (!tree->keep_spools) {
		ap_store_unlink(spool->path);
	}
}

/* What the child merged takes the place of what there was. */
static void accept(struct batch *batch)
{
	struct ap_tree *tree = batch->tree;

	for (size_t i = 0; i < batch->n; i++) {
		accept_one(tree, &tree->spools[batch->spools[i]], &batch->board->verdicts[i]);
	}
	if (tree->merged_fd >= 0) {
		close(tree->merged_fd);
	}
	tree->merged_fd = batch->into_fd;
}

static void drop_from(struct batch *batch, size_t i)
{
	memmove(&batch->spools[i], &batch->spools[i + 1],
		(batch->n - i - 1) * sizeof(*batch->spools));
	batch->n--;
}

/* Return: 0, or -EAGAIN when it may be tried again without the one that is left out now. */
static int run_batch(struct batch *batch)
{
	struct ap_guard_limits limits = {.extra_memory_bytes =
						 MEMORY_FACTOR * ap_tree_bytes(batch->tree)};

	for (size_t i = 0; i < batch->n; i++) {
		limits.extra_memory_bytes +=
			MEMORY_FACTOR * batch->tree->spools[batch->spools[i]].bytes;
	}
	memset(batch->board, 0, sizeof(*batch->board));
	batch->board->at = -1;
	batch->into_fd = memfd_create("merged", MFD_CLOEXEC);
	const int r = batch->into_fd < 0 ? -errno : ap_guard_run(work, batch, &limits);
	if (r == 0) {
		accept(batch);
		return 0;
	}
	if (batch->into_fd >= 0) {
		close(batch->into_fd);
	}
	const int at = batch->board->at;
	const bool crashed = r == -ECHILD || r == -ETIMEDOUT;
	if (batch->n == 1 || (crashed && at >= 0 && at < (int)batch->n)) {
		const size_t culprit = batch->n == 1 ? 0 : (size_t)at;
		condemn(batch->tree, &batch->tree->spools[batch->spools[culprit]],
			r == -ECHILD	  ? "the reader died of it"
			: r == -ETIMEDOUT ? "the reader hung"
					  : "it cannot be merged: no memory");
		drop_from(batch, culprit);
	} else {
		batch->n = (batch->n + 1) / 2; /* together they are too much */
	}
	return -EAGAIN;
}

/* The next ones that wait. */
static void fill(struct batch *batch)
{
	const struct ap_tree *tree = batch->tree;
	uint64_t bytes = 0;

	batch->n = 0;
	for (size_t i = 0; i < tree->spools_n && batch->n < BATCH_MOST && bytes < BATCH_BYTES;
	     i++) {
		if (tree->spools[i].state == AP_TREE_WAITS) {
			batch->spools[batch->n++] = i;
			bytes += tree->spools[i].bytes;
		}
	}
}

void ap_tree_merge(struct ap_tree *tree)
{
	struct batch batch = {.tree = tree};

	batch.board = mmap(NULL, sizeof(*batch.board), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (batch.board == MAP_FAILED) {
		return;
	}
	for (fill(&batch); batch.n; fill(&batch)) {
		while (batch.n && run_batch(&batch) < 0) {
		}
	}
	munmap(batch.board, sizeof(*batch.board));
}

void ap_tree_forget(struct ap_tree *tree)
{
	size_t kept = 0;

	for (size_t i = 0; i < tree->spools_n; i++) {
		struct ap_tree_spool *spool = &tree->spools[i];
		if (spool->state == AP_TREE_MERGED || spool->state == AP_TREE_SILENT) {
			free(spool->path);
		} else {
			tree->spools[kept++] = *spool;
		}
	}
	tree->spools_n = kept;
}

uint64_t ap_tree_bytes(const struct ap_tree *tree)
{
	struct stat st;

	return tree->merged_fd >= 0 && fstat(tree->merged_fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

int ap_tree_profile(const struct ap_tree *tree, struct ap_profile **ret)
{
	const struct ap_merge_end end = {
		.root = tree->root.exe ? &tree->root : NULL,
		.cwd = tree->root_cwd,
		.kin = tree->kin,
		.kin_n = tree->kin_n,
	};
	struct ap_merge *merge;

	int r = load(tree, &merge);
	if (r < 0) {
		return r;
	}
	for (size_t i = 0; i < tree->running_n && r == 0; i++) {
		r = ap_merge_row(merge, &tree->running[i]);
	}
	if (r < 0) {
		ap_merge_free(merge);
		return r;
	}
	return ap_merge_finish(merge, &end, ret);
}

bool ap_tree_note(const struct ap_tree *tree, unsigned n, char *ret, size_t size)
{
	const struct {
		size_t n;
		const char *one, *many;
	} notes[] = {
		{tree->kept_n, "process asked for no report (report=none): it is not in this one",
		 "processes asked for no report (report=none): they are not in this one"},
		{tree->failed_n,
		 "process could not be read, and is not in this report: see the log",
		 "processes could not be read, and are not in this report: see the log"},
		{tree->running_n, "process still ran: it is reported at its own end",
		 "processes still ran: they are reported at their own ends"},
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		if (notes[i].n && n-- == 0) {
			snprintf(ret, size, "%zu %s", notes[i].n,
				 notes[i].n == 1 ? notes[i].one : notes[i].many);
			return true;
		}
	}
	return false;
}
