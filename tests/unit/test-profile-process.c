/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-process.c - whose profile it is: modules, threads, clock, ends; spools as files. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/profile.h"
#include "tests/support/ap_check.h"
#include "tests/support/model_check.h"
#include "tests/support/spool_builder.h"

static struct ap_builder *b;
static struct ap_profile *p;
static uint32_t f_work, n_work;

static void setup(void)
{
	b = ap_builder_new();
	const uint32_t module = ap_builder_module(b, 0x400000, 0x500000, "/usr/bin/victim");
	f_work = ap_builder_function(b, 0x402000, module + 1);
	n_work = ap_builder_node(b, AP_ID_ROOT, f_work);
	p = NULL;
}

static void teardown(void)
{
	p = ap_profile_free(p);
	b = ap_builder_free(b);
}

static const struct ap_profile *read_as(const struct ap_profile_known_end *known)
{
	struct ap_profile_error error;
	size_t size;
	const void *bytes = ap_builder_bytes(b, &size);

	p = ap_profile_free(p);
	ck_assert_msg(ap_profile_parse(bytes, size, known, &p, &error) == 0, "%s", error.text);
	const char *wrong = ap_model_check(p);
	ck_assert_msg(!wrong, "%s", wrong);
	return p;
}

static const struct ap_profile *read_it(void)
{
	return read_as(NULL);
}

START_TEST(modules_are_taken_over_and_functions_know_theirs)
{
	struct ap_module *from = ap_builder_module_at(b, 0);
	from->build_id_bytes = 20;
	memset(from->build_id, 0xab, 20);
	from->inode = 77;
	from->unload_ticks = AP_BUILDER_START + 9;
	const uint32_t nowhere = ap_builder_function(b, 0x900000, 0);

	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->modules_n, 1);
	ck_assert_str_eq(m->modules[0].path, "/usr/bin/victim");
	ck_assert_uint_eq(m->modules[0].start, 0x400000);
	ck_assert_uint_eq(m->modules[0].bias, 0x400000);
	ck_assert_uint_eq(m->modules[0].inode, 77);
	ck_assert_uint_eq(m->modules[0].unload_ticks, AP_BUILDER_START + 9);
	ck_assert_uint_eq(m->modules[0].build_id_bytes, 20);
	ck_assert_uint_eq(m->modules[0].build_id[19], 0xab);
	ck_assert_int_eq(m->functions[f_work].module, 0);
	ck_assert_uint_eq(m->functions[f_work].address, 0x402000);
	ck_assert_int_eq(m->functions[nowhere].module, -1);
}
END_TEST

START_TEST(threads_have_names_lives_and_a_peak)
{
	static const uint64_t lives[4][2] = {{0, 100}, {10, 50}, {60, 90}, {95, 0}};
	for (uint32_t i = 0; i < 4; i++) {
		struct ap_thread *t =
			ap_builder_thread_at(b, ap_builder_thread(b, 50 + i, "0123456789abcdef"));
		t->start_ticks = AP_BUILDER_START + lives[i][0];
		t->end_ticks = lives[i][1] ? AP_BUILDER_START + lives[i][1] : 0;
		t->state = lives[i][1] ? AP_THREAD_ENDED : AP_THREAD_LIVE;
		t->cpu_ns = 7 * i;
	}
	ap_builder_thread_at(b, ap_builder_thread(b, 99, "free"))->state = AP_THREAD_FREE;
	b->hdr->end_ticks = AP_BUILDER_START + 200;

	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->threads_n, 4);
	ck_assert_uint_eq(m->process.threads_peak, 2);
	ck_assert_uint_eq(m->process.duration_ns, 200);
	ck_assert_str_eq(m->threads[2].name, "0123456789abcdef");
	ck_assert_uint_eq(m->threads[2].tid, 52);
	ck_assert_uint_eq(m->threads[2].start_ns, 60);
	ck_assert_uint_eq(m->threads[2].duration_ns, 30);
	ck_assert_uint_eq(m->threads[2].cpu_ns, 14);
	ck_assert(!m->threads[2].live);
	ck_assert(m->threads[3].live);
	ck_assert_uint_eq(m->threads[3].duration_ns, 105);
	b->hdr->usage.threads_now = 9;
	ck_assert_uint_eq(read_it()->process.threads_peak, 9);
}
END_TEST

START_TEST(the_clock_is_fitted_only_where_both_readings_agree_with_the_estimate)
{
	static const struct {
		uint64_t ticks, ns;
		double rate;
		size_t notes;
	} cases[] = {
		{0, 0, 2e9, 0},
		{2000000, 1000000, 2e9, 0},	      /* 1 ms apart: too near */
		{2019000000, 1000000000, 2.019e9, 1}, /* 0.95 % off: taken, and said so */
		{2000400000, 1000000000, 2.0004e9, 0},
		{2030000000, 1000000000, 2e9, 0}, /* 1.5 % off: not believed */
		{1981000000, 1000000000, 1.981e9, 1},
	};
	b->hdr->clock_kind = AP_CLOCK_TSC;
	b->hdr->ticks_per_s = 2000000000;
	ap_builder_leaf(b, 0, n_work, 4000000000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		b->hdr->clock_last.ticks = AP_BUILDER_START + cases[i].ticks;
		b->hdr->clock_last.mono_ns = AP_BUILDER_START + cases[i].ns;
		const struct ap_profile *m = read_it();
		ck_assert_str_eq(m->quality.clock, "tsc");
		ck_assert_double_eq_tol(m->quality.ticks_per_s, cases[i].rate, 1);
		ck_assert_uint_eq(m->functions[f_work].total_ns,
				  (uint64_t)llround(4e18 / cases[i].rate));
		ck_assert_uint_eq(m->quality.notes_n, cases[i].notes);
	}
}
END_TEST

static const struct {
	uint32_t life, end_kind, end_status;
	bool known;
	int wait_status;
	enum ap_profile_end end;
	int signal, exit_status;
} ends[] = {
	{AP_LIFE_RUNNING, AP_END_NONE, 0, false, 0, AP_PROFILE_KILLED, 0, -1},
	{AP_LIFE_EXITING, AP_END_EXIT, 0, false, 0, AP_PROFILE_EXIT, 0, -1},
	{AP_LIFE_EXITING, AP_END_RAW_EXIT, 3, false, 0, AP_PROFILE_RAW_EXIT, 0, 3},
	{AP_LIFE_ENDED, AP_END_QUICK_EXIT, 0, false, 0, AP_PROFILE_QUICK_EXIT, 0, -1},
	{AP_LIFE_ENDED, AP_END_EXEC, 0, false, 0, AP_PROFILE_EXEC, 0, -1},
	{AP_LIFE_ENDED, AP_END_EXEC, 0, true, SIGSEGV, AP_PROFILE_EXEC, 0, -1},
	{AP_LIFE_EXITING, AP_END_EXIT, 0, true, 5 << 8, AP_PROFILE_EXIT, 0, 5},
	{AP_LIFE_RUNNING, AP_END_NONE, 0, true, SIGKILL, AP_PROFILE_SIGNAL, SIGKILL, -1},
	{AP_LIFE_RUNNING, AP_END_NONE, 0, true, 7 << 8, AP_PROFILE_RAW_EXIT, 0, 7},
	{AP_LIFE_EXITING, AP_END_EXIT, 0, true, SIGABRT | 0x80, AP_PROFILE_SIGNAL, SIGABRT, -1},
	{AP_LIFE_EXITING, 77, 0, false, 0, AP_PROFILE_KILLED, 0, -1},
};

START_TEST(the_end_is_told_by_the_spool_and_by_who_saw_it)
{
	const struct ap_profile_known_end known = {ends[_i].known, ends[_i].wait_status};
	b->hdr->life = ends[_i].life;
	b->hdr->end_kind = ends[_i].end_kind;
	b->hdr->end_status = ends[_i].end_status;
	const struct ap_profile *m = read_as(&known);
	ck_assert_int_eq(m->process.end, ends[_i].end);
	ck_assert_int_eq(m->process.signal, ends[_i].signal);
	ck_assert_int_eq(m->process.exit_status, ends[_i].exit_status);
	ck_assert_uint_eq(m->quality.notes_n, 0);
}
END_TEST

START_TEST(a_process_that_is_there_still_runs_and_the_notes_say_so)
{
	b->hdr->pid = (uint32_t)getpid();
	const struct ap_profile *m = read_it();
	ck_assert_int_eq(m->process.end, AP_PROFILE_RUNNING);
	ck_assert_uint_eq(m->quality.notes_n, 1);
	ck_assert_ptr_nonnull(strstr(m->quality.notes[0], "still running"));
	b->hdr->proc_start = 1; /* another process had our pid */
	ck_assert_int_eq(read_it()->process.end, AP_PROFILE_KILLED);
	b->hdr->proc_start = 0;
	memset(b->hdr->boot_id, 0x11, sizeof(b->hdr->boot_id));
	ck_assert_int_eq(read_it()->process.end, AP_PROFILE_KILLED);
}
END_TEST

START_TEST(figures_of_the_process_are_taken_over)
{
	b->hdr->usage = (struct ap_usage){
		.at_ticks = AP_BUILDER_START + 3000,
		.cpu_ns = 2000000,
		.max_rss_bytes = 4096,
		.threads_now = 1,
	};
	b->hdr->limits.memory_bytes = 1 << 30;
	b->hdr->threads_created = 5;
	b->hdr->processes_created = 2;
	b->hdr->hook_ticks_x1000 = 40000;
	b->hdr->degraded = AP_DEGRADED_NO_SELF_HIST;
	b->hdr->folds = 12;
	for (int i = 0; i < 1000; i++) {
		ap_builder_leaf(b, 0, n_work, 10);
	}
	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->process.duration_ns, 3000); /* the last sign of life */
	ck_assert_uint_eq(m->process.cpu_ns, 2000000);
	ck_assert_uint_eq(m->process.max_rss_bytes, 4096);
	ck_assert_uint_eq(m->process.limits.memory_bytes, 1 << 30);
	ck_assert_uint_eq(m->process.threads_created, 5);
	ck_assert_uint_eq(m->process.processes_created, 2);
	ck_assert_double_eq_tol(m->quality.hook_ns, 40, 1e-9);
	ck_assert_double_eq_tol(m->quality.overhead_pct, 100 * 0.04 / 1.96,
				1e-9); /* 1000 calls of 40 ns, of 2 ms */
	ck_assert_uint_eq(m->quality.degraded, AP_DEGRADED_NO_SELF_HIST);
	ck_assert_uint_eq(m->quality.folds, 12);
	ck_assert_uint_eq(m->quality.memory_cap_bytes, b->hdr->cap_bytes);
	ck_assert_uint_eq(m->quality.memory_used_bytes, b->hdr->alloc_next);
}
END_TEST

START_TEST(texts_of_lines_become_lists)
{
	ap_builder_text(b, &b->hdr->options_ignored, "heat: unknown key\n\nhz: not a number\n");
	ap_builder_text(b, &b->hdr->notes, "one");
	b->hdr->flags = AP_SPOOL_FROZEN | AP_SPOOL_SIGNALS_OPEN;
	b->hdr->inert_reason = ENOSPC;
	const struct ap_profile_quality *q = &read_it()->quality;
	ck_assert_uint_eq(q->options_ignored_n, 2);
	ck_assert_str_eq(q->options_ignored[0], "heat: unknown key");
	ck_assert_str_eq(q->options_ignored[1], "hz: not a number");
	ck_assert_uint_eq(q->notes_n, 4);
	ck_assert_str_eq(q->notes[0], "one");
	ck_assert_ptr_nonnull(strstr(q->notes[1], strerror(ENOSPC)));
}
END_TEST

static char path[64];

static void make_path(void)
{
	strcpy(path, "/tmp/autoprof-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	strcat(path, "/spool");
}

static void remove_path(void)
{
	unlink(path);
	*strrchr(path, '/') = 0;
	rmdir(path);
}

START_TEST(a_file_reads_as_its_bytes_do_and_its_hole_costs_nothing)
{
	struct ap_profile_error error;
	struct ap_profile *from_file = NULL;

	make_path();
	for (int i = 0; i < 5; i++) {
		ap_builder_leaf(b, 0, n_work, 200);
	}
	ap_builder_folded(b, ap_builder_thread(b, 1, "main"), 10, 0);
	ap_builder_save(b, path);
	ck_assert_int_eq(ap_profile_open(path, NULL, &from_file, &error), 0);
	ck_assert_uint_eq(from_file->quality.attempted, 10);
	ck_assert(from_file->quality.identity_holds);
	ck_assert_uint_eq(from_file->functions[f_work].self_ns, 1000);
	ap_profile_free(from_file);
	remove_path();
}
END_TEST

START_TEST(a_head_tells_whose_spool_it_is)
{
	struct ap_profile_error error;
	struct ap_profile_head head;

	make_path();
	b->hdr->ppid = 12;
	b->hdr->uid = 1000;
	ap_builder_save(b, path);
	ck_assert_int_eq(ap_profile_head(path, &head, &error), 0);
	ck_assert_uint_eq(head.pid, b->hdr->pid);
	ck_assert_uint_eq(head.ppid, 12);
	ck_assert_uint_eq(head.uid, 1000);
	ck_assert_uint_eq(head.spool_id, 0x5eed);
	ck_assert_uint_eq(head.life, AP_LIFE_RUNNING);
	ck_assert_str_eq(head.exe, "/usr/bin/victim");
	ck_assert(!ap_profile_alive(&head));
	head.pid = (uint32_t)getpid();
	ck_assert(ap_profile_alive(&head));
	b->hdr->exe.ref = 0x7fffffff;
	ap_builder_save(b, path);
	ck_assert_int_eq(ap_profile_head(path, &head, &error), 0);
	ck_assert_str_eq(head.exe, "");
	remove_path();
}
END_TEST

START_TEST(files_that_are_no_spools_are_refused_in_one_line)
{
	struct ap_profile_error error = {""};
	struct ap_profile *none = NULL;

	ck_assert_int_eq(ap_profile_open("/nonexistent/x", NULL, &none, &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, strerror(ENOENT)));
	ck_assert_int_eq(ap_profile_open("/tmp", NULL, &none, &error), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(error.text, "not a regular file"));
	ck_assert_int_eq(ap_profile_open("/proc/self/exe", NULL, &none, &error), -EBADMSG);
	ck_assert_str_eq(error.text, "not an autoprof spool");
	make_path();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(ap_profile_open(path, NULL, &none, &error), -EBADMSG);
	remove_path();
	ck_assert_ptr_null(none);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile-process");
	TCase *tests = tcase_create("process");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, modules_are_taken_over_and_functions_know_theirs);
	tcase_add_test(tests, threads_have_names_lives_and_a_peak);
	tcase_add_test(tests, the_clock_is_fitted_only_where_both_readings_agree_with_the_estimate);
	tcase_add_loop_test(tests, the_end_is_told_by_the_spool_and_by_who_saw_it, 0,
			    sizeof(ends) / sizeof(*ends));
	tcase_add_test(tests, a_process_that_is_there_still_runs_and_the_notes_say_so);
	tcase_add_test(tests, figures_of_the_process_are_taken_over);
	tcase_add_test(tests, texts_of_lines_become_lists);
	tcase_add_test(tests, a_file_reads_as_its_bytes_do_and_its_hole_costs_nothing);
	tcase_add_test(tests, a_head_tells_whose_spool_it_is);
	tcase_add_test(tests, files_that_are_no_spools_are_refused_in_one_line);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
