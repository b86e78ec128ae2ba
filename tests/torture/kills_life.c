/* SPDX-License-Identifier: MIT */
/* tests/torture/kills_life.c - see kills_life.h. */
#include "kills_life.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spool/layout.h"

#define PATIENCE_S 90 /* a report may take 60, on a machine that does not let it run */
#define PATIENCE_US 90000000ull

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void sleep_us(unsigned us)
{
	const struct timespec t = {us / 1000000, (long)(us % 1000000) * 1000};
	nanosleep(&t, NULL);
}

int kills_place_open(struct kills_place *place)
{
	snprintf(place->base, sizeof place->base, "/dev/shm/autoprof-kills.XXXXXX");
	if (!mkdtemp(place->base)) {
		perror("kills: /dev/shm");
		return -1;
	}
	snprintf(place->spools, sizeof place->spools, "%s/spools", place->base);
	snprintf(place->report, sizeof place->report, "%s/report.json", place->base);
	place->page_fd = memfd_create("kills-page", 0);
	if (mkdir(place->spools, 0700) != 0 || place->page_fd < 0 ||
	    ftruncate(place->page_fd, sizeof *place->page) != 0) {
		perror("kills");
		return -1;
	}
	place->page = mmap(NULL, sizeof *place->page, PROT_READ | PROT_WRITE, MAP_SHARED,
			   place->page_fd, 0);
	place->start_us = 3000;
	/* Attendants are orphans: they become ours, and we can wait until they are gone. */
	if (place->page == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
	    prctl(PR_SET_TIMERSLACK, 1) != 0) {
		perror("kills");
		return -1;
	}
	return 0;
}

/* Return: was there one? @ret: its path. */
static bool find_spool(const struct kills_place *place, char ret[384])
{
	DIR *dir = opendir(place->spools);
	const struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		const size_t n = strlen(entry->d_name);
		found = n > 6 && strcmp(entry->d_name + n - 6, ".spool") == 0;
		if (found)
			snprintf(ret, 384, "%s/%s", place->spools, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

bool kills_spool_left(const struct kills_place *place)
{
	char path[384];
	return find_spool(place, path);
}

void kills_tidy(struct kills_place *place, unsigned keep_as)
{
	char path[384], kept[128];

	for (int i = 0; i < 8 && find_spool(place, path); i++) {
		snprintf(kept, sizeof kept, "%s/%u.spool", place->base, keep_as);
		if (!keep_as || rename(path, kept) != 0)
			(void)unlink(path);
	}
	(void)unlink(place->report);
}

void kills_place_close(struct kills_place *place, bool keep)
{
	char log[96];

	kills_tidy(place, 0);
	snprintf(log, sizeof log, "%s/log", place->spools);
	(void)unlink(log);
	(void)rmdir(place->spools);
	if (!keep)
		(void)rmdir(place->base);
}

static pid_t spawn(const struct kills_place *place, const struct kills_plan *plan, unsigned threads)
{
	char fd[16], n[16], rounds[16], options[512], preload[4200];
	char *argv[] = {
		(char *)place->victim, fd, n, rounds, plan->unnoticed ? "unnoticed" : NULL, NULL};
	char *envp[] = {preload, options, NULL};
	pid_t pid;

	snprintf(fd, sizeof fd, "%d", place->page_fd);
	snprintf(n, sizeof n, "%u", threads);
	snprintf(rounds, sizeof rounds, "%u", plan->rounds);
	snprintf(preload, sizeof preload, "LD_PRELOAD=%s", place->library);
	snprintf(options, sizeof options, "AUTOPROF_OPTIONS=overhead=none:dir=%s:output=%s:%s:%s",
		 place->spools, place->report, plan->options, place->options);
	return posix_spawn(&pid, place->victim, NULL, NULL, argv, envp) == 0 ? pid : -1;
}

static bool wait_for_main(struct kills_place *place, uint64_t since_us)
{
	const struct timespec patience = {1, 0};

	for (int i = 0; i < PATIENCE_S; i++) {
		if (__atomic_load_n(&place->page->running, __ATOMIC_SEQ_CST)) {
			place->start_us = (7 * place->start_us + now_us() - since_us) / 8;
			return true;
		}
		syscall(SYS_futex, &place->page->running, FUTEX_WAIT, 0, &patience, NULL, 0);
	}
	return false;
}

static bool wait_for_attendant(int fd)
{
	struct ap_spool_header header;

	for (unsigned waited = 0; waited < PATIENCE_S * 1000; waited++) {
		if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
			return false;
		if (header.attendant_pid)
			return true;
		sleep_us(1000);
	}
	return false;
}

static int open_spool(const struct kills_place *place)
{
	char path[384];
	return find_spool(place, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* Wait until the moment has come from which the random time counts. */
static const char *await(struct kills_place *place, const struct kills_plan *plan,
			 uint64_t since_us, int *ret_fd)
{
	*ret_fd = -1;
	if (plan->moment == KILLS_START)
		return NULL;
	if (!wait_for_main(place, since_us))
		return "main() was never reached";
	*ret_fd = open_spool(place);
	if (*ret_fd < 0)
		return "the victim has no spool";
	if (plan->moment == KILLS_ATTENDED && !wait_for_attendant(*ret_fd))
		return "no attendant has come";
	return NULL;
}

/* The victim and whatever it left to us. */
static const char *bury(pid_t victim)
{
	int status = 0;
	const uint64_t until = now_us() + PATIENCE_US;

	if (waitpid(victim, &status, 0) != victim)
		return "the victim was not there to be waited for";
	while (now_us() < until) {
		const pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);
		if (pid < 0)
			return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
				       ? NULL
				       : "the victim ended otherwise";
		if (pid == 0)
			sleep_us(500);
	}
	return "a process is left";
}

const char *kills_live(struct kills_place *place, const struct kills_plan *plan, unsigned threads,
		       uint32_t random, int *ret_fd, unsigned *ret_us)
{
	memset(place->page, 0, sizeof *place->page);
	const uint64_t since_us = now_us();
	const pid_t pid = spawn(place, plan, threads);
	if (pid < 0)
		return "the victim could not be started";
	const char *why = await(place, plan, since_us, ret_fd);
	const uint64_t most =
		plan->moment == KILLS_START ? place->start_us * 5 / 4 : plan->within_us;
	*ret_us = (unsigned)(most * random >> 32);
	sleep_us(*ret_us);
	kill(pid, SIGKILL);
	const char *buried = bury(pid);
	if (*ret_fd < 0)
		*ret_fd = open_spool(place);
	return why ? why : buried;
}
