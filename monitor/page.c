/* SPDX-License-Identifier: MIT */
/* monitor/page.c - see page.h. */
#include "monitor/page.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull

int ap_page_open(const char *path, struct ap_spool_header **ret)
{
	struct stat st;
	void *page = MAP_FAILED;
	int r = 0;

	const int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &st) < 0) {
		r = -errno;
	} else if (st.st_uid != geteuid()) {
		r = -EPERM;
	} else if (!S_ISREG(st.st_mode) || st.st_size < AP_PAGE_BYTES) {
		r = -EBADMSG;
	} else {
		page = mmap(NULL, AP_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		r = page == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (r == 0) {
		*ret = page;
	}
	return r;
}

struct ap_spool_header *ap_page_close(struct ap_spool_header *header)
{
	if (header) {
		munmap(header, AP_PAGE_BYTES);
	}
	return NULL;
}

#if defined(__x86_64__)
static uint64_t counter(void)
{
	return __builtin_ia32_rdtsc();
}
#elif defined(__aarch64__)
static uint64_t counter(void)
{
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
}
#else
static uint64_t counter(void)
{
	return 0; /* no spool of this machine names such a clock */
}
#endif

static uint64_t ns_of(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) == 0
		       ? (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec
		       : 0;
}

uint64_t ap_page_now(const struct ap_spool_header *header)
{
	return header->clock_kind == AP_CLOCK_MONOTONIC ? ns_of(CLOCK_MONOTONIC) : counter();
}

/* Figures grow only, and the program stores its own now and then: keep the larger. */
static void raise_to(uint64_t *figure, uint64_t value)
{
	if (value > __atomic_load_n(figure, __ATOMIC_RELAXED)) {
		__atomic_store_n(figure, value, __ATOMIC_RELAXED);
	}
}

static uint64_t field_of(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void sample_status(struct ap_usage *usage, pid_t pid)
{
	char path[64], status[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	const ssize_t n = read(fd, status, sizeof(status) - 1);
	close(fd);
	if (n <= 0) {
		return;
	}
	status[n] = 0;
	raise_to(&usage->max_rss_bytes, field_of(status, "\nVmHWM:") * 1024);
	const uint64_t threads = field_of(status, "\nThreads:");
	if (threads) {
		__atomic_store_n(&usage->threads_now, threads, __ATOMIC_RELAXED);
	}
}

void ap_page_sample(struct ap_spool_header *header, pid_t pid)
{
	const uint64_t now = ap_page_now(header);
	clockid_t clock;

	sample_status(&header->usage, pid);
	/* Nanoseconds, and answered for zombies too: /proc/PID/stat counts in hundredths of a
	 * second. */
	const uint64_t cpu_ns = clock_getcpuclockid(pid, &clock) == 0 ? ns_of(clock) : 0;
	if (cpu_ns) {
		raise_to(&header->usage.cpu_ns, cpu_ns);
		raise_to(&header->usage.cpu_at_ticks, now);
		ap_page_sign_of_life(header);
	}
}

void ap_page_sign_of_life(struct ap_spool_header *header)
{
	raise_to(&header->usage.at_ticks, ap_page_now(header));
}

/* Whoever writes a moment ahead may be kept from running until it has passed: then a later one. */
#define AHEAD_PER_S 1000

static void store_ahead(const struct ap_spool_header *header, uint64_t *ret)
{
	uint64_t moment;

	do {
		moment = ap_page_now(header) + header->ticks_per_s / AHEAD_PER_S;
		__atomic_store_n(ret, moment, __ATOMIC_SEQ_CST);
	} while (ap_page_now(header) >= moment);
}

bool ap_page_is_stopped(const struct ap_spool_header *header)
{
	const uint32_t n = ap_page_load(&header->pauses_n);

	return n > 0 && n <= AP_PAUSES &&
	       __atomic_load_n(&header->pauses[n - 1].start, __ATOMIC_RELAXED) >
		       ap_page_now(header);
}

int ap_page_stop(struct ap_spool_header *header)
{
	const uint32_t n = ap_page_load(&header->pauses_n);

	if (ap_page_is_stopped(header)) { /* maybe by a delay: now until further notice */
		__atomic_store_n(&header->pauses[n - 1].start, UINT64_MAX, __ATOMIC_SEQ_CST);
		return 0;
	}
	if (n >= AP_PAUSES) {
		return -ENOSPC;
	}
	header->pauses[n].start = UINT64_MAX;
	header->pauses[n].stop = UINT64_MAX;
	__atomic_store_n(&header->pauses_n, n + 1, __ATOMIC_SEQ_CST);
	store_ahead(header, &header->pauses[n].stop);
	return 0;
}

void ap_page_start(struct ap_spool_header *header)
{
	if (ap_page_is_stopped(header)) {
		store_ahead(header, &header->pauses[ap_page_load(&header->pauses_n) - 1].start);
	}
}

void ap_page_report(struct ap_spool_header *header, enum ap_report_state state)
{
	__atomic_store_n(&header->report_state, (uint32_t)state, __ATOMIC_RELEASE);
	syscall(SYS_futex, &header->report_state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
