/* SPDX-License-Identifier: MIT */
/* cli/render.c - see render.h. */
#include "cli/render.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/options.h"
#include "monitor/guard.h"
#include "monitor/output.h"
#include "monitor/store.h"

/* The child writes here; the parent copies what it finds when all went well. */
struct job {
	const struct ap_render *what;
	int text_fd;
	int error_fd; /* a line that says why not */
	bool nameless;
};

static int fail(const struct job *job, const char *why)
{
	dprintf(job->error_fd, "%s", why);
	return 1;
}

/* Status of a child whose text is not the report, but why there is none. */
#define NO_ANSWER 2

static int render(const struct job *job, const struct ap_load *load, struct ap_loaded *loaded)
{
	static char buffer[64 << 10]; /* the report of a large program has 50 MB */
	int r = ap_load_names(load, loaded);
	FILE *out = r < 0 ? NULL : fdopen(job->text_fd, "w");
	if (!out) {
		return fail(job, "no memory for the report");
	}
	setvbuf(out, buffer, _IOFBF, sizeof(buffer));
	r = job->what->writer->write(loaded->report, &job->what->show, out);
	if (fclose(out) != 0 && r == 0) {
		r = -errno;
	}
	return r == -ENOENT ? NO_ANSWER : r < 0 ? fail(job, strerror(-r)) : 0;
}

static int work(void *arg)
{
	const struct job *job = arg;
	struct ap_load load = job->what->load;
	struct ap_profile_error error = {.text = ""};
	struct ap_loaded loaded;

	load.nameless |= job->nameless;
	const int r = ap_load_profile(&load, &loaded, &error);
	if (r < 0) {
		return fail(job, error.text[0] ? error.text : strerror(-r));
	}
	const int status = render(job, &load, &loaded);
	ap_load_clear(&loaded);
	return status;
}

static uint64_t size_of(const struct ap_load *load)
{
	return load->tree ? ap_tree_bytes(load->tree) : ap_store_bytes(load->spool);
}

/* A second time without symbols when the first child died. Return: as of ap_guard_run(). */
static int run_job(struct job *job)
{
	const struct ap_guard_limits limits = {
		.extra_memory_bytes = size_of(&job->what->load) * 4,
		.network = job->what->load.symbols.debuginfod,
	};
	const int r = ap_guard_run(work, job, &limits);
	if (r != -ECHILD && r != -ETIMEDOUT) {
		return r;
	}
	job->nameless = true;
	(void)!ftruncate(job->text_fd, 0);
	lseek(job->text_fd, 0, SEEK_SET);
	return ap_guard_run(work, job, &limits);
}

static void complain_of(const struct job *job, int r)
{
	char why[512];
	const ssize_t n = r > 0 ? pread(job->error_fd, why, sizeof(why) - 1, 0) : 0;

	why[n > 0 ? n : 0] = 0;
	ap_complain("cannot read '%s': %s",
		    job->what->load.tree ? "what was merged" : job->what->load.spool,
		    n > 0 ? why : "the reporter died");
}

static int copy(int fd, FILE *out)
{
	char buffer[65536];
	off_t at = 0;

	for (;;) {
		const ssize_t n = pread(fd, buffer, sizeof(buffer), at);
		if (n <= 0) {
			return n < 0 ? -errno : 0;
		}
		if (fwrite(buffer, 1, (size_t)n, out) != (size_t)n) {
			return -EIO;
		}
		at += n;
	}
}

int ap_render(const struct ap_render *what, FILE *out)
{
	struct job job = {what, memfd_create("report", MFD_CLOEXEC),
			  memfd_create("error", MFD_CLOEXEC), false};
	int r = -ENOMEM;

	if (job.text_fd >= 0 && job.error_fd >= 0) {
		r = run_job(&job);
	}
	if (r == 0) {
		r = copy(job.text_fd, out);
	} else if (r == NO_ANSWER) {
		fputs("autoprof: ", stderr);
		(void)copy(job.text_fd, stderr);
		r = -ENOENT;
	} else {
		complain_of(&job, r);
		r = r > 0 ? -EBADMSG : r;
	}
	close(job.text_fd);
	close(job.error_fd);
	return r;
}

int ap_render_file(const struct ap_render *what, const char *path, bool quiet)
{
	struct ap_output output;
	char written[PATH_MAX];

	int r = ap_output_open(path, NULL, &output);
	if (r < 0) {
		ap_complain("cannot write '%s': %s", path, strerror(-r));
		return r;
	}
	r = ap_render(what, output.stream);
	if (r < 0) {
		ap_output_abandon(&output);
		return r;
	}
	r = ap_output_commit(&output, written, sizeof(written));
	if (r < 0) {
		ap_complain("cannot write '%s': %s", path, strerror(-r));
	} else if (!quiet) {
		ap_complain("report: %s", written);
	}
	return r;
}

bool ap_render_color(void)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}
