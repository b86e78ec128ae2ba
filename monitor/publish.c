/* SPDX-License-Identifier: MIT */
/* monitor/publish.c - see publish.h. */
#include "monitor/publish.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/guard.h"
#include "monitor/load.h"
#include "monitor/output.h"
#include "monitor/store.h"
#include "report/report.h"

#define NS_PER_S 1000000000ull

/* What the guarded child works on; `shared` outlives it. */
struct job {
	const struct ap_publish *what;
	struct ap_published *shared;
	bool nameless;
};

/* Where the log is, and reports that find no place of their own. */
static const char *place(const struct job *job)
{
	return job->what->tree ? job->what->tree->place : job->what->spool;
}

__attribute__((format(printf, 2, 3))) static void problem(struct job *job, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(job->shared->problem, sizeof(job->shared->problem), format, args);
	va_end(args);
	ap_store_log(place(job), "%s", job->shared->problem);
}

static bool worth_a_report(const struct ap_profile *profile)
{
	for (size_t i = 0; i < profile->functions_n; i++) {
		if (profile->functions[i].calls) {
			return true;
		}
	}
	return profile->process.duration_ns >= NS_PER_S && profile->quality.attempted > 0;
}

static int path_of_last_resort(const char *spool, const char *path, char *ret, size_t size)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	int r = ap_store_home(spool, dir, sizeof(dir));
	if (r < 0) {
		return r;
	}
	r = snprintf(ret, size, "%s/%s", dir, slash ? slash + 1 : path);
	return r < (int)size ? 0 : -ENAMETOOLONG;
}

static int write_file(const struct ap_loaded *loaded, const char *path, const char *cwd, char *ret)
{
	static const struct ap_report_options plain;
	const struct ap_writer *writer = ap_writer_for(path);
	struct ap_output output;

	int r = ap_output_open(path, cwd, &output);
	if (r < 0) {
		return r;
	}
	r = (writer ? writer : &ap_writer_text)->write(loaded->report, &plain, output.stream);
	if (r < 0) {
		ap_output_abandon(&output);
		return r;
	}
	return ap_output_commit(&output, ret, PATH_MAX);
}

/* One file, where it should be or else beside the spool. */
static void publish_file(struct job *job, const struct ap_loaded *loaded, const char *path)
{
	struct ap_published *shared = job->shared;
	const char *cwd = job->what->cwd ? job->what->cwd : loaded->profile->process.cwd;
	char *ret = shared->files[shared->files_n];
	char resort[PATH_MAX];

	int r = write_file(loaded, path, cwd, ret);
	if (r < 0) {
		problem(job, "cannot write '%s': %s", path, strerror(-r));
		r = path_of_last_resort(place(job), path, resort, sizeof(resort));
		r = r < 0 ? r : write_file(loaded, resort, NULL, ret);
	}
	if (r < 0) {
		problem(job, "cannot write '%s' beside the spool either: %s", path, strerror(-r));
		return;
	}
	shared->files_n++;
	shared->outcome = AP_PUBLISH_WRITTEN;
}

static void note_unknown_extension(struct ap_loaded *loaded, const char *path)
{
	char text[512];

	if (!ap_writer_for(path)) {
		snprintf(text, sizeof(text),
			 "no writer knows the extension of '%.400s': written as text", path);
		(void)ap_load_note(loaded, text);
	}
}

static void publish_all(struct job *job, struct ap_loaded *loaded)
{
	const struct ap_profile_process *process = &loaded->profile->process;
	const char *rest = job->what->output ? job->what->output : process->output;
	char pattern[PATH_MAX], path[PATH_MAX], host[256] = "";

	gethostname(host, sizeof(host) - 1);
	const struct ap_output_names names = {process->exe, host, process->pid,
					      process->start_unix_ns};
	rest = rest && *rest ? rest : AP_DEFAULT_OUTPUT;
	for (unsigned i = 0; (rest = ap_output_next(rest, pattern, sizeof(pattern))); i++) {
		if (i < job->shared->done) {
			continue; /* by the child that died */
		}
		if (job->shared->files_n == AP_PUBLISH_FILES) {
			problem(job, "only %d reports of a process: '%s' is left out",
				AP_PUBLISH_FILES, pattern);
			break;
		}
		if (ap_output_expand(pattern, &names, path, sizeof(path)) < 0) {
			problem(job, "name of the report is too long: '%.100s...'", pattern);
		} else {
			note_unknown_extension(loaded, path);
			publish_file(job, loaded, path);
		}
		job->shared->done = i + 1;
	}
}

static int publish_loaded(struct job *job, const struct ap_load *what, struct ap_loaded *loaded)
{
	if (!job->what->whatever && !worth_a_report(loaded->profile)) {
		job->shared->outcome = AP_PUBLISH_NOTHING;
		return 0;
	}
	if (ap_load_names(what, loaded) < 0) {
		problem(job, "no memory for the report");
		return 1;
	}
	publish_all(job, loaded);
	return 0;
}

/* In the child. */
static int work(void *arg)
{
	struct job *job = arg;
	const struct ap_load what = {.spool = job->what->spool,
				     .tree = job->what->tree,
				     .known = job->what->known,
				     .symbols = job->what->symbols,
				     .nameless = job->nameless};
	struct ap_profile_error error;
	struct ap_loaded loaded;

	if (ap_load_profile(&what, &loaded, &error) < 0) {
		problem(job, "cannot read the spool: %s", error.text);
		return 1;
	}
	const int r = publish_loaded(job, &what, &loaded);
	ap_load_clear(&loaded);
	return r;
}

/* A profile may take several times the memory of its spool. */
static uint64_t memory_for(const struct ap_publish *what)
{
	return (what->tree ? ap_tree_bytes(what->tree) : ap_store_bytes(what->spool)) * 4;
}

static int run_job(struct job *job)
{
	const struct ap_guard_limits limits = {
		.extra_memory_bytes = memory_for(job->what),
		.network = job->what->symbols.debuginfod,
	};

	const int r = ap_guard_run(work, job, &limits);
	if (r != -ECHILD && r != -ETIMEDOUT) {
		return r;
	}
	problem(job, "the reporter %s: again without symbols", r == -ECHILD ? "died" : "hung");
	job->nameless = true;
	return ap_guard_run(work, job, &limits);
}

int ap_publish(const struct ap_publish *what, struct ap_published *ret)
{
	struct ap_published *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct job job = {what, shared, false};

	*ret = (struct ap_published){0};
	if (shared == MAP_FAILED) {
		return -errno;
	}
	int r = run_job(&job);
	if (r == -ECHILD || r == -ETIMEDOUT) {
		problem(&job, "the reporter %s without symbols too",
			r == -ECHILD ? "died" : "hung");
	}
	*ret = *shared;
	munmap(shared, sizeof(*shared));
	return r >= 0 || r == -ECHILD || r == -ETIMEDOUT ? 0 : r;
}
