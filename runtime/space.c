/* SPDX-License-Identifier: MIT */
/* runtime/space.c - the spool file: made, mapped, closed, and handed out in pieces that are backed by memory.
 *
 * Pages are populated before anybody writes to them, so that a full tmpfs is an error code here and not a
 * SIGBUS in the program. No descriptor, path or uid is needed to grow. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"
#include "spool/names.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE 4096ull
#define STEP_MIN (64ull << 10)
#define STEP_MAX (256ull << 10)
#define CAP_MIN (512ull << 10)

static uint64_t soft_limit(int which)
{
	uint64_t limit[2] = {~0ull, ~0ull};
	ap_sys4(SYS_prlimit64, 0, which, 0, limit);
	return limit[0];
}

static void lower(uint64_t *cap, uint64_t to)
{
	if (to < *cap)
		*cap = to;
}

/* A quarter of what is free, or of very little enough for something to be recorded. */
static uint64_t share_of(uint64_t free_bytes)
{
	const uint64_t quarter = free_bytes / 4;
	return quarter < CAP_MIN && free_bytes / 4 * 3 >= CAP_MIN ? CAP_MIN : quarter;
}

/* DESIGN's cap: the option, 2 % of the memory limit, a quarter of the free tmpfs, and the rlimits. */
static uint64_t choose_cap(long dirfd, const struct ap_limits *limits)
{
	uint64_t cap = ap_runtime.settings.memory;
	struct statfs fs;
	if (limits->memory_from == AP_LIMIT_CGROUP)
		lower(&cap, limits->memory_bytes / 50);
	if (ap_sys2(SYS_fstatfs, dirfd, &fs) == 0)
		lower(&cap, share_of((uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize));
	lower(&cap, soft_limit(RLIMIT_FSIZE));
	if (soft_limit(RLIMIT_AS) != ~0ull)
		lower(&cap, soft_limit(RLIMIT_AS) / 20);
	return cap & ~(PAGE - 1);
}

/* Beside the cap, each thread that lives may have a little, so that what there was at the start does not say how many
 * there can be. It is address space until they come. */
static uint64_t choose_file_size(uint64_t cap)
{
	uint64_t size = cap + (uint64_t)AP_MAX_THREADS * AP_THREAD_GRANT;
	if (soft_limit(RLIMIT_AS) != ~0ull)
		size = cap;
	lower(&size, soft_limit(RLIMIT_FSIZE));
	return size & ~(PAGE - 1);
}

static uint64_t random64(void)
{
	uint64_t value = 0;
	if (ap_sys3(SYS_getrandom, &value, sizeof value, 1 /* GRND_NONBLOCK */) != sizeof value)
		value = ap_ticks() * 0x9e3779b97f4a7c15ull ^ ap_gettid();
	return value;
}

/* The directory is ours alone, or nothing is written: 0700, our uid, no symlink. Whatever the umask is, one that we
 * make can be used. A forked child finds it made: it may be somebody else by now, and makes none of its own. */
static long open_dir(const char *dir)
{
	struct stat st;
	if (!ap_runtime.dir_checked && ap_sys3(SYS_mkdirat, AT_FDCWD, dir, 0700) == 0)
		ap_sys3(SYS_fchmodat, AT_FDCWD, dir, 0700);
	const long fd = ap_sys4(SYS_openat, AT_FDCWD, dir,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	const long error = ap_sys2(SYS_fstat, fd, &st);
	if (error == 0 && st.st_uid == (uid_t)ap_sys0(SYS_geteuid) && (st.st_mode & 077) == 0)
		return fd;
	ap_sys1(SYS_close, fd);
	return error < 0 ? error : -EPERM;
}

/* A new file in our directory; its path is remembered for the attendant and for the end. */
static long create_file(void)
{
	for (int tries = 0; tries < 4; tries++) {
		ap_runtime.spool_id = random64();
		if (ap_names_spool(ap_runtime.spool_path, sizeof ap_runtime.spool_path,
				   ap_runtime.settings.dir, ap_getpid(), ap_runtime.spool_id))
			return -ENAMETOOLONG;
		const long fd = ap_sys4(SYS_openat, AT_FDCWD, ap_runtime.spool_path,
					O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd != -EEXIST)
			return fd;
	}
	return -EEXIST;
}

static long map_file(struct ap_control *c, long fd)
{
	long error = ap_sys2(SYS_fchmod, fd, 0600);
	if (error == 0)
		error = ap_sys2(SYS_ftruncate, fd, c->file_bytes);
	if (error < 0)
		return error;
	const long address = ap_sys6(SYS_mmap, 0, c->file_bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (address < 0 && address > -4096)
		return address;
	c->base = (char *)address;
	ap_sys3(SYS_madvise, c->base, c->file_bytes, MADV_DONTDUMP);
	return 0;
}

/** ap_space_discard() - unlink the spool: there is nothing to say. */
void ap_space_discard(void)
{
	if (ap_runtime.spool_path[0])
		ap_sys3(SYS_unlinkat, AT_FDCWD, ap_runtime.spool_path, 0);
	ap_runtime.spool_path[0] = 0;
}

/* Older kernels know no MADV_POPULATE_WRITE: then the file is allocated in whole before it is used. */
static long back_header(struct ap_control *c, long fd)
{
	long error = ap_sys3(SYS_madvise, c->base, STEP_MIN, MADV_POPULATE_WRITE);
	if (error != -EINVAL)
		return error;
	c->file_bytes = c->cap;
	return ap_sys4(SYS_fallocate, fd, 0, 0, c->cap);
}

static bool on_disk(long dirfd)
{
	struct statfs fs;
	return ap_sys2(SYS_fstatfs, dirfd, &fs) == 0 && !AP_FS_IN_MEMORY(fs.f_type);
}

static long create_in(struct ap_control *c, long dirfd, struct ap_limits *limits)
{
	c->cap = choose_cap(dirfd, limits);
	if (c->cap < CAP_MIN)
		return -ENOSPC;
	c->file_bytes = choose_file_size(c->cap);
	const long fd = create_file();
	if (fd < 0)
		return fd;
	long error = map_file(c, fd);
	if (error == 0)
		error = back_header(c, fd);
	ap_sys1(SYS_close, fd);
	if (error < 0)
		ap_space_discard();
	return error;
}

/**
 * ap_space_create() - a new spool for this process, its header begun.
 * Return: 0 or -errno; on failure nothing is left behind but the directory. */
int ap_space_create(struct ap_control *c)
{
	struct ap_limits limits = {0};
	const long dirfd = open_dir(ap_runtime.settings.dir);
	if (dirfd < 0)
		return (int)dirfd;
	ap_runtime.dir_checked = true;
	ap_limits_read(&limits);
	const long error = create_in(c, dirfd, &limits);
	const bool disk = error == 0 && on_disk(dirfd);
	ap_sys1(SYS_close, dirfd);
	if (error < 0)
		return (int)error;
	struct ap_spool_header *h = c->header = (struct ap_spool_header *)c->base;
	h->limits = limits;
	h->size_bytes = c->file_bytes;
	h->cap_bytes = c->cap;
	h->map_address = (uint64_t)c->base;
	h->alloc_next = PAGE;
	h->alloc_ready = STEP_MIN;
	if (disk)
		ap_space_note(c, "the spool lies on a disk, which may stall the program when it is "
				 "busy: dir= should name a tmpfs");
	return 0;
}

/** ap_space_note() - one more line for the report's data quality; what finds no room is left out. */
void ap_space_note(struct ap_control *c, const char *line)
{
	char text[512];
	struct ap_line all = {text, sizeof text, 0};
	text[0] = 0;
	if (c->header->notes.ref) {
		ap_line_str(&all, ap_at(c, c->header->notes.ref));
		ap_line_str(&all, "\n");
	}
	ap_line_str(&all, line);
	const struct ap_text notes = ap_space_text(c, text);
	if (notes.ref)
		c->header->notes = notes;
}

void ap_space_degrade(struct ap_control *c, uint64_t what)
{
	if (!(__atomic_load_n(&c->header->degraded, __ATOMIC_RELAXED) & what))
		__atomic_fetch_or(&c->header->degraded, what, __ATOMIC_RELAXED);
}

uint32_t ap_space_pressure(const struct ap_control *c)
{
	return (uint32_t)(__atomic_load_n(&c->header->alloc_next, __ATOMIC_RELAXED) * 256 / c->cap);
}

void ap_space_grant_thread(struct ap_control *c)
{
	const uint32_t n = __atomic_add_fetch(&c->threads_now, 1, __ATOMIC_RELAXED);
	uint32_t most = __atomic_load_n(&c->threads_most, __ATOMIC_RELAXED);
	while (n > most && !__atomic_compare_exchange_n(&c->threads_most, &most, n, false,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	most = most > AP_MANY_THREADS ? most : AP_MANY_THREADS;
	const uint64_t grant = n > most ? (uint64_t)(n - most) * AP_THREAD_GRANT : 0;
	if (grant && __atomic_load_n(&c->cap, __ATOMIC_RELAXED) + grant <= c->file_bytes)
		__atomic_store_n(&c->header->cap_bytes,
				 __atomic_add_fetch(&c->cap, grant, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

void ap_space_thread_over(struct ap_control *c)
{
	__atomic_fetch_sub(&c->threads_now, 1, __ATOMIC_RELAXED);
}

/* Steps grow with what is in use: a small profile stays small. Several threads may populate the same pages. */
static bool back_up_to(struct ap_control *c, uint64_t end)
{
	struct ap_spool_header *h = c->header;
	uint64_t ready = __atomic_load_n(&h->alloc_ready, __ATOMIC_RELAXED);
	if (end <= ready)
		return true;
	const uint64_t step = ready < (1u << 20) ? STEP_MIN : STEP_MAX;
	uint64_t want = (end + step - 1) & ~(step - 1);
	if (want > c->cap)
		want = c->cap;
	const uint64_t from = ready & ~(PAGE - 1);
	const long error = ap_sys3(SYS_madvise, c->base + from, want - from, MADV_POPULATE_WRITE);
	if (error < 0 && error != -EINVAL)
		return false;
	while (ready < want && !__atomic_compare_exchange_n(&h->alloc_ready, &ready, want, false,
							    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return true;
}

ap_ref ap_space_alloc(struct ap_control *c, uint64_t bytes)
{
	struct ap_spool_header *h = c->header;
	bytes = (bytes + AP_REF_UNIT - 1) & ~(uint64_t)(AP_REF_UNIT - 1);
	uint64_t at = __atomic_load_n(&h->alloc_next, __ATOMIC_RELAXED);
	do {
		if (bytes > c->cap - at || !back_up_to(c, at + bytes)) {
			__atomic_fetch_add(&h->alloc_failures, 1, __ATOMIC_RELAXED);
			return 0;
		}
	} while (!__atomic_compare_exchange_n(&h->alloc_next, &at, at + bytes, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return (ap_ref)(at / AP_REF_UNIT);
}

/** ap_space_text() - copy a text into the spool; empty when there is no room. */
struct ap_text ap_space_text(struct ap_control *c, const char *text)
{
	const size_t bytes = ap_strlen(text);
	struct ap_text result = {0, 0};
	const ap_ref ref = bytes ? ap_space_alloc(c, bytes + 1) : 0;
	if (!ref)
		return result;
	char *into = ap_at(c, ref);
	for (size_t i = 0; i <= bytes; i++)
		into[i] = text[i];
	result.ref = ref;
	result.bytes = (uint32_t)bytes;
	return result;
}
