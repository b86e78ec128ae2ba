/* SPDX-License-Identifier: MIT */
/* tests/support/report_fixture.c - see report_fixture.h. */
#include "tests/support/report_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "report/build.h"

#define SECOND 1000000000ull
#define MS 1000000ull

static char *const nothing[] = {NULL};

static void fixed_ids(struct report_fixture *fx)
{
	static const char *const names[AP_ID_FIRST] = {
		"?", "(root)", "(deeper)", "(other)", "(forked)", "(outside)", "(left out)"};

	for (uint32_t id = 0; id < AP_ID_FIRST; id++) {
		fx->functions[id].kind = AP_FUNCTION_SYNTHETIC;
		fx->functions[id].module = -1;
		fx->symbols[id] = (struct ap_symbol){.name = names[id], .module = "?"};
		fx->nodes[id].function = id;
		fx->nodes[id].used = id != AP_ID_NONE;
	}
	fx->profile.functions_n = AP_ID_FIRST;
	fx->profile.nodes_n = AP_ID_FIRST;
}

static void healthy_process(struct ap_profile_process *process)
{
	*process = (struct ap_profile_process){
		.exe = (char *)"/usr/bin/demo",
		.cwd = (char *)"/tmp",
		.pid = 4242,
		.ppid = 4000,
		.uid = 1000,
		.start_unix_ns = 1700000000123456789u,
		.duration_ns = 2000000000u,
		.end = AP_PROFILE_EXIT,
		.cpu_ns = 500000000u,
		.max_rss_bytes = 10u << 20,
		.threads_peak = 1,
		.limits = {.memory_bytes = 1u << 30,
			   .cpu_millicores = 2000,
			   .host_memory_bytes = 8ull << 30,
			   .memory_from = AP_LIMIT_CGROUP},
		.edge_ns = {50000000u, 100000000u, 500000000u},
	};
}

static void clean_quality(struct ap_profile_quality *quality)
{
	static const char *const reasons[AP_PROFILE_DROPS] = {"no_memory", "nested", "early",
							      "torn"};

	*quality = (struct ap_profile_quality){
		.identity_holds = true,
		.hook_ns = 24,
		.memory_used_bytes = 3u << 20,
		.memory_cap_bytes = 64u << 20,
		.clock = "tsc",
		.ticks_per_s = 2.1e9,
		.options_ignored = (char **)nothing,
		.notes = (char **)nothing,
	};
	for (size_t i = 0; i < AP_PROFILE_DROPS; i++)
		quality->dropped[i].reason = reasons[i];
}

void report_fixture_init(struct report_fixture *fx)
{
	memset(fx, 0, sizeof(*fx));
	fx->profile.functions = fx->functions;
	fx->profile.nodes = fx->nodes;
	fx->profile.threads = fx->threads;
	fx->profile.modules = fx->modules;
	fx->profile.modules_n = 1;
	fx->profile.processes = fx->processes;
	fx->modules[0] = (struct ap_profile_module){.start = 0x10000,
						    .end = 0x1000000,
						    .bias = 0x10000,
						    .path = (char *)"/usr/bin/demo"};
	fixed_ids(fx);
	healthy_process(&fx->profile.process);
	clean_quality(&fx->profile.quality);
}

void report_fixture_clear(struct report_fixture *fx)
{
	for (size_t i = 0; i < fx->profile.functions_n; i++) {
		ap_histogram_clear(&fx->functions[i].total);
		ap_histogram_clear(&fx->functions[i].self);
	}
	fx->report = ap_report_free(fx->report);
}

uint32_t report_fixture_function(struct report_fixture *fx, const char *name, const char *file,
				 int line)
{
	const uint32_t id = (uint32_t)fx->profile.functions_n++;

	ck_assert_uint_lt(id, FIXTURE_FUNCTIONS);
	fx->functions[id].address = 0x10000 + 0x1000 * (uint64_t)(id - AP_ID_FIRST + 1);
	fx->symbols[id] = (struct ap_symbol){
		.name = name, .linkage_name = name, .module = "demo", .file = file, .line = line};
	return id;
}

static void categorize(struct report_fixture *fx, struct ap_profile_function *function, uint64_t n,
		       uint64_t ns)
{
	const uint64_t *edges = fx->profile.process.edge_ns;

	if (ns >= edges[2])
		function->critical += n;
	else if (ns >= edges[1])
		function->very_slow += n;
	else if (ns >= edges[0])
		function->slow += n;
}

void report_fixture_calls(struct report_fixture *fx, uint32_t function, uint64_t n, uint64_t ns)
{
	struct ap_profile_function *to = &fx->functions[function];
	const uint32_t bucket = ap_histogram_bucket_of_ns((double)ns);

	if (!to->timed_calls || ns < to->min_ns)
		to->min_ns = ns;
	if (ns > to->max_ns)
		to->max_ns = ns;
	to->calls += n;
	to->timed_calls += n;
	to->total_ns += n * ns;
	to->self_ns += n * ns;
	to->raw_total_ns += n * ns;
	to->raw_self_ns += n * ns;
	to->sum_ns += (double)n * (double)ns;
	to->sum_squares += (double)n * (double)ns * (double)ns;
	categorize(fx, to, n, ns);
	ck_assert_int_eq(ap_histogram_add(&to->total, bucket, n), 0);
	ck_assert_int_eq(ap_histogram_add(&to->self, bucket, n), 0);
	/* An enter and an exit a call. */
	fx->profile.quality.attempted += 2 * n;
	fx->profile.quality.folded += 2 * n;
}

uint32_t report_fixture_node(struct report_fixture *fx, uint32_t parent, uint32_t function,
			     uint64_t calls, uint64_t total_ns)
{
	const uint32_t id = (uint32_t)fx->profile.nodes_n++;

	ck_assert_uint_lt(id, FIXTURE_NODES);
	fx->nodes[id] = (struct ap_profile_node){.parent = parent,
						 .function = function,
						 .used = true,
						 .calls = calls,
						 .total_ns = total_ns};
	return id;
}

struct ap_profile_thread *report_fixture_thread(struct report_fixture *fx, uint32_t tid,
						const char *name)
{
	const size_t i = fx->profile.threads_n++;
	struct ap_profile_thread *thread = &fx->threads[i];

	ck_assert_uint_lt(i, FIXTURE_THREADS);
	thread->tid = tid;
	strncpy(thread->name, name, sizeof(thread->name) - 1);
	thread->duration_ns = fx->profile.process.duration_ns;
	thread->open = fx->open[i];
	return thread;
}

void report_fixture_open(struct report_fixture *fx, struct ap_profile_thread *thread,
			 uint32_t function, uint64_t age_ns)
{
	ck_assert_uint_lt(thread->open_n, FIXTURE_OPEN);
	thread->live = true;
	thread->open[thread->open_n++] =
		(struct ap_profile_open_call){.function = function, .age_ns = age_ns};
	fx->functions[function].open_calls++;
}

void report_fixture_busy(struct report_fixture *fx)
{
	const uint32_t main_id = report_fixture_function(fx, "main", "src/main.c", 10);
	const uint32_t query = report_fixture_function(fx, "query", "src/db/query.c", 120);
	const uint32_t get = report_fixture_function(fx, "box<int>::get() const", "src/box.h", 3);
	const uint32_t unknown = report_fixture_function(fx, "demo+0x4000", NULL, 0);

	fx->symbols[unknown].guessed = true;
	report_fixture_calls(fx, main_id, 1, 40 * MS);
	fx->functions[main_id].total_ns = 1900u * MS;
	report_fixture_calls(fx, query, 9800, MS / 20);
	report_fixture_calls(fx, query, 20, 60 * MS);
	report_fixture_calls(fx, query, 30, 150 * MS);
	report_fixture_calls(fx, query, 150, 600 * MS);
	report_fixture_calls(fx, get, 5000000, 10);
	report_fixture_calls(fx, unknown, 50, 2 * MS);
	const uint32_t m = report_fixture_node(fx, AP_ID_ROOT, main_id, 1, 1900u * MS);
	const uint32_t q = report_fixture_node(fx, m, query, 10000, 96190u * MS);
	report_fixture_node(fx, q, get, 5000000, 50 * MS);
	report_fixture_node(fx, m, unknown, 50, 100 * MS);
	struct ap_profile_thread *thread = report_fixture_thread(fx, 4242, "demo");
	thread->cpu_ns = 400 * MS;
	thread->attempted = 10020102;
	report_fixture_open(fx, thread, main_id, 1900u * MS);
	report_fixture_open(fx, thread, query, 1200u * MS);
	thread = report_fixture_thread(fx, 4243, "io");
	thread->duration_ns = SECOND;
}

struct ap_profile_process_row *report_fixture_process(struct report_fixture *fx, uint32_t pid,
						      int32_t parent, const char *exe)
{
	const size_t i = fx->profile.processes_n++;
	struct ap_profile_process_row *row = &fx->processes[i];

	ck_assert_uint_lt(i, FIXTURE_PROCESSES);
	*row = (struct ap_profile_process_row){
		.pid = pid,
		.ppid = parent < 0 ? 1 : fx->processes[parent].pid,
		.parent = parent,
		.exe = (char *)exe,
		.start_unix_ns = 1700000000123456789u + i,
		.duration_ns = SECOND,
		.end = AP_PROFILE_EXIT,
		.exit_status = -1,
		.processes = 1,
	};
	return row;
}

void report_fixture_tree(struct report_fixture *fx)
{
	report_fixture_busy(fx);
	fx->profile.merged = true;
	struct ap_profile_process_row *row = report_fixture_process(fx, 4242, -1, "/usr/bin/demo");
	row->calls = 5000000;
	row->cpu_ns = 300 * MS;
	row->threads = 2;
	row->exit_status = 0;
	row->max_rss_bytes = 5 << 20;
	row = report_fixture_process(fx, 4300, 0, "/usr/bin/worker");
	row->calls = 10001;
	row->cpu_ns = 200 * MS;
	row->threads = 1;
	row->end = AP_PROFILE_SIGNAL;
	row->signal = 11;
	row->max_rss_bytes = 10 << 20;
	row = report_fixture_process(fx, 4301, 1, "/usr/bin/worker");
	row->calls = 50;
	row->threads = 1;
	row->end = AP_PROFILE_EXEC;
	row = report_fixture_process(fx, 4310, 0, "/usr/sbin/daemon");
	row->end = AP_PROFILE_RUNNING;
	row->elsewhere = true;
}

const char *const report_fixture_names[FIXTURE_NAMES] = {
	"\x1b]0;owned\x07\x1b[2J",
	"</script><script>alert(1)</script>",
	"\"},{\"name\": \"x\\",
	"\xff\xfe\xc3(\xed\xa0\x80",
	"evil\342\200\256txt.exe\342\200\250line\302\23331m", /* octal: ends after three digits */
	"%s%n%1000d",
	"line1\nline2\r\n",
	"a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o",
};

void report_fixture_hostile(struct report_fixture *fx)
{
	static char longest[5000];
	static char *notes[FIXTURE_NAMES];

	for (size_t i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = "ab<>:,\x01\xff"[i % 8];
	report_fixture_busy(fx);
	for (size_t i = 0; i < FIXTURE_NAMES; i++) {
		const uint32_t f =
			report_fixture_function(fx, report_fixture_names[i],
						report_fixture_names[(i + 1) % FIXTURE_NAMES], 7);
		report_fixture_calls(fx, f, 100000000 + i, 10);
		fx->symbols[f].module = report_fixture_names[i];
		notes[i] = (char *)report_fixture_names[i];
	}
	const uint32_t f = report_fixture_function(fx, longest, longest, 2147483647);
	report_fixture_calls(fx, f, 1000, 3600ull * SECOND);
	report_fixture_open(fx, report_fixture_thread(fx, 4294967295u, "\x1b[2J\xff\n"), f,
			    1ull << 62);
	report_fixture_node(fx, AP_ID_ROOT, f, 1000, 3600ull * SECOND);
	fx->profile.process.exe = (char *)report_fixture_names[0];
	fx->profile.process.cwd = (char *)report_fixture_names[3];
	for (uint32_t i = 0; i < FIXTURE_NAMES; i++)
		report_fixture_process(fx, 4294967295u - i, (int32_t)i - 1,
				       report_fixture_names[i]);
	for (size_t i = 0; i < fx->profile.functions_n; i++)
		fx->processes[0].calls += fx->functions[i].calls;
	fx->profile.quality.notes = notes;
	fx->profile.quality.notes_n = FIXTURE_NAMES;
	fx->profile.quality.options_ignored = notes;
	fx->profile.quality.options_ignored_n = FIXTURE_NAMES;
}

const struct ap_report *report_fixture_build(struct report_fixture *fx)
{
	struct ap_symbol *symbols = malloc(sizeof(fx->symbols));

	ck_assert_ptr_nonnull(symbols);
	memcpy(symbols, fx->symbols, sizeof(fx->symbols));
	ap_report_free(fx->report);
	fx->report = ap_report_build(&fx->profile, symbols);
	ck_assert_ptr_nonnull(fx->report);
	return fx->report;
}

const struct ap_finding *report_fixture_finding(struct report_fixture *fx, const char *rule)
{
	const struct ap_report *report = report_fixture_build(fx);

	for (size_t i = 0; i < report->findings_n; i++) {
		if (strcmp(report->findings[i].rule, rule) == 0)
			return &report->findings[i];
	}
	return NULL;
}

char *report_fixture_write(struct report_fixture *fx, const struct ap_writer *writer,
			   const struct ap_report_options *options, int *ret_status)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	const int status = writer->write(report_fixture_build(fx), options, out);
	ck_assert_int_eq(fclose(out), 0);
	if (ret_status)
		*ret_status = status;
	else
		ck_assert_int_eq(status, 0);
	return text;
}
