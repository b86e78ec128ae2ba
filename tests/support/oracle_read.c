/* SPDX-License-Identifier: MIT */
/* tests/support/oracle_read.c - replay of the oracle's logs with the plainest possible stack.
 *
 * An enter pushes; an exit pops down to the call of the same function, or does nothing where there is none;
 * an unwind pops the calls below its stack pointer. Nothing is guessed: calls left in another way, and exits
 * without a call, are counted, and a run that has any is not fit to be compared. */
#include "tests/support/oracle_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/oracle_log.h"

struct open_call {
	uint32_t function;
	uint32_t node;
	uint64_t stack;
};

struct stack {
	struct open_call *calls;
	size_t n, room;
};

static void push(struct stack *stack, struct open_call call)
{
	if (stack->n == stack->room) {
		stack->room = stack->room ? stack->room * 2 : 256;
		stack->calls = must_realloc(stack->calls, stack->room * sizeof(*stack->calls));
	}
	stack->calls[stack->n++] = call;
}

static uint32_t function_at(struct oracle_run *run, uint64_t address)
{
	uint64_t *function = number_map_at(&run->function_of_address, address);
	if (*function == 0) {
		*function = run->functions_n++;
		run->addresses =
			must_realloc(run->addresses, run->functions_n * sizeof(*run->addresses));
		run->addresses[*function] = address;
	}
	return (uint32_t)*function;
}

/* The path of a call made with @stack open. */
static uint32_t node_of_call(struct oracle_run *run, const struct stack *stack, uint32_t function)
{
	struct call_tree *paths = &run->calls.paths;
	const uint32_t above = stack->n ? stack->calls[stack->n - 1].node : TREE_ROOT;
	if (stack->n && stack->calls[stack->n - 1].function == function) {
		return above;
	}
	if (paths->nodes[above].depth >= ORACLE_MAX_DEPTH) {
		return call_tree_child(paths, TREE_DEEPER, function);
	}
	return call_tree_child(paths, above, function);
}

static void replay_enter(struct oracle_run *run, struct stack *stack, const struct oracle_record *r,
			 bool count)
{
	const uint32_t function = function_at(run, ORACLE_FUNCTION(r->what));
	const uint32_t node = node_of_call(run, stack, function);
	if (count) {
		const uint32_t parent = run->calls.paths.nodes[node].parent;
		++*number_map_at(&run->calls.functions, function);
		++*number_map_at(&run->calls.edges,
				 EDGE_KEY(run->calls.paths.nodes[parent].name, function));
		++run->calls.paths.nodes[node].calls;
	}
	push(stack, (struct open_call){function, node, r->stack});
	if (stack->n > run->deepest) {
		run->deepest = stack->n;
	}
}

static void replay_exit(struct oracle_run *run, struct stack *stack, const struct oracle_record *r,
			bool count)
{
	const uint32_t function = function_at(run, ORACLE_FUNCTION(r->what));
	size_t n = stack->n;
	while (n > 0 && stack->calls[n - 1].function != function) {
		n--;
	}
	if (n == 0) {
		run->unmatched += count;
		return;
	}
	run->unclosed += count ? stack->n - n : 0;
	stack->n = n - 1;
}

static void replay_unwind(struct oracle_run *run, struct stack *stack,
			  const struct oracle_record *r, bool count)
{
	while (stack->n > 0 && stack->calls[stack->n - 1].stack < r->stack) {
		stack->n--;
		run->unwound += count;
	}
}

/** A log in memory. */
struct log {
	const struct oracle_record *records;
	size_t n, bytes;
};

static int log_map(struct log *log, const char *directory, uint64_t pid, uint64_t tid)
{
	char path[4096];
	struct stat about;
	snprintf(path, sizeof(path), "%s/%" PRIu64 ".%" PRIu64 ".log", directory, pid, tid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	*log = (struct log){0};
	if (fd >= 0 && fstat(fd, &about) == 0 && about.st_size > 0) {
		void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (bytes != MAP_FAILED) {
			*log = (struct log){bytes,
					    (size_t)about.st_size / sizeof(struct oracle_record),
					    (size_t)about.st_size};
		}
	}
	if (fd >= 0) {
		close(fd);
	}
	if (!log->records) {
		fprintf(stderr, "ap-compare: cannot read '%s'\n", path);
		return -1;
	}
	return 0;
}

static int replay_log(struct oracle_run *run, struct stack *stack, const char *directory,
		      uint64_t pid, uint64_t tid, size_t limit_bytes, bool count);

static int replay_begin(struct oracle_run *run, struct stack *stack, const char *directory,
			const struct oracle_record *r)
{
	stack->n = 0;
	if (r->site == 0) {
		return 0;
	}
	/* A forked child goes on with the calls that were open in its parent; they are not its own. */
	return replay_log(run, stack, directory, r->site >> 32, r->site & 0xffffffffu, r->stack,
			  false);
}

static int replay_log(struct oracle_run *run, struct stack *stack, const char *directory,
		      uint64_t pid, uint64_t tid, size_t limit_bytes, bool count)
{
	struct log log;
	uint64_t events = 0;
	int result = 0;
	if (log_map(&log, directory, pid, tid) < 0) {
		return -1;
	}
	const size_t limit = limit_bytes / sizeof(struct oracle_record);
	for (size_t i = 0; i < log.n && i < limit && result == 0; i++) {
		const struct oracle_record *r = &log.records[i];
		switch (ORACLE_KIND(r->what)) {
		case ORACLE_ENTER:
			events++;
			replay_enter(run, stack, r, count);
			break;
		case ORACLE_EXIT:
			events++;
			replay_exit(run, stack, r, count);
			break;
		case ORACLE_UNWIND:
			replay_unwind(run, stack, r, count);
			break;
		case ORACLE_BEGIN:
			run->open += count ? stack->n : 0;
			result = replay_begin(run, stack, directory, r);
			break;
		default:
			fprintf(stderr, "ap-compare: %" PRIu64 ".%" PRIu64 ".log is damaged\n", pid,
				tid);
			result = -1;
		}
	}
	munmap((void *)log.records, log.bytes);
	if (count) {
		run->events += events;
		run->threads += events > 0;
		run->open += stack->n;
	}
	return result;
}

static int find_only_process(const char *directory)
{
	DIR *entries = opendir(directory);
	const struct dirent *entry;
	int only = 0, pid, tid, end;
	while (entries && (entry = readdir(entries))) {
		end = 0;
		if (sscanf(entry->d_name, "%d.%d.log%n", &pid, &tid, &end) < 2 || end == 0) {
			continue;
		}
		if (only && only != pid) {
			fprintf(stderr, "ap-compare: several processes in '%s': say which\n",
				directory);
			only = -1;
			break;
		}
		only = pid;
	}
	if (entries) {
		closedir(entries);
	}
	if (only == 0) {
		fprintf(stderr, "ap-compare: no event in '%s'\n", directory);
	}
	return only;
}

static int replay_threads(struct oracle_run *run, const char *directory)
{
	DIR *entries = opendir(directory);
	const struct dirent *entry;
	struct stack stack = {0};
	int result = entries ? 0 : -1, pid, tid, end;
	while (result == 0 && (entry = readdir(entries))) {
		end = 0;
		if (sscanf(entry->d_name, "%d.%d.log%n", &pid, &tid, &end) >= 2 && end &&
		    pid == run->pid) {
			stack.n = 0;
			result = replay_log(run, &stack, directory, (uint64_t)pid, (uint64_t)tid,
					    SIZE_MAX, true);
		}
	}
	if (entries) {
		closedir(entries);
	}
	free(stack.calls);
	return result;
}

int oracle_read(struct oracle_run *run, const char *directory, int pid)
{
	char maps[4096];
	*run = (struct oracle_run){.functions_n = NAME_FIRST};
	calls_init(&run->calls);
	run->calls.paths.nodes[TREE_DEEPER].depth =
		ORACLE_MAX_DEPTH; /* nothing is below its children */
	run->addresses = must_realloc(NULL, NAME_FIRST * sizeof(*run->addresses));
	run->pid = pid ? pid : find_only_process(directory);
	if (run->pid <= 0) {
		return -1;
	}
	snprintf(maps, sizeof(maps), "%s/%d.maps", directory, run->pid);
	if (oracle_modules_read(&run->modules, maps) < 0) {
		return -1;
	}
	return replay_threads(run, directory);
}

void oracle_run_clear(struct oracle_run *run)
{
	free(run->addresses);
	number_map_clear(&run->function_of_address);
	calls_clear(&run->calls);
	oracle_modules_clear(&run->modules);
}

void oracle_key_offset(char *key, size_t size, const char *module, uint64_t offset)
{
	snprintf(key, size, "%s+0x%" PRIx64, module, offset);
}

void oracle_key_name(char *key, size_t size, const char *module, const char *name)
{
	snprintf(key, size, "%s!%s", module, name);
}

static uint32_t name_of_function(const struct oracle_run *run, uint32_t function,
				 enum oracle_naming naming, struct names *names)
{
	static char offset[8192], name[65536];
	const struct oracle_place place = oracle_place_of(&run->modules, run->addresses[function]);
	oracle_key_offset(offset, sizeof(offset), place.module, place.offset);
	char *plain = place.symbol ? oracle_demangle(place.symbol) : strdup(offset);
	oracle_key_name(name, sizeof(name), place.module, plain);
	free(plain);
	return name_of_key(names, naming == ORACLE_BY_OFFSET ? offset : name, name);
}

void oracle_name_calls(const struct oracle_run *run, enum oracle_naming naming, struct names *names,
		       struct calls *ret)
{
	const struct call_tree *paths = &run->calls.paths;
	uint32_t *name_of = must_realloc(NULL, run->functions_n * sizeof(*name_of));
	uint32_t *node_of = must_realloc(NULL, paths->n * sizeof(*node_of));

	calls_init(ret);
	for (uint32_t f = 0; f < run->functions_n; f++) {
		name_of[f] = f < NAME_FIRST ? f : name_of_function(run, f, naming, names);
		if (f >= NAME_FIRST) {
			*number_map_at(&ret->functions, name_of[f]) +=
				number_map_get(&run->calls.functions, f);
		}
	}
	for (size_t i = 0; i < run->calls.edges.slots; i++) {
		const uint64_t edge = run->calls.edges.keys[i];
		if (edge) {
			*number_map_at(&ret->edges,
				       EDGE_KEY(name_of[edge >> 32], name_of[(uint32_t)edge])) +=
				run->calls.edges.numbers[i];
		}
	}
	for (uint32_t i = 1; i < paths->n; i++) {
		const struct call_node *node = &paths->nodes[i];
		node_of[i] = i <= TREE_DEEPER ? i
					      : call_tree_child(&ret->paths, node_of[node->parent],
								name_of[node->name]);
		ret->paths.nodes[node_of[i]].calls += node->calls;
	}
	free(name_of);
	free(node_of);
}
