/* SPDX-License-Identifier: MIT */
/* runtime/patch_code.c - instructions that call hooks, in the memory of the process.
 *
 * A hook goes by another value of one byte, which leaves an instruction of the same length, so it does not matter where other threads
 * are: they execute the one or the other, however many bytes are stored at a time. Written through /proc/self/mem, so no page ever is writable and executable,
 * and made known to all processors by membarrier(). */
#include <fcntl.h>
#include <sys/uio.h>

#include "runtime/patch.h"
#include "runtime/sys.h"

/* linux/membarrier.h of older kernels does not have these. */
#define SYNC_CORE (1 << 5)
#define REGISTER_SYNC_CORE (1 << 6)

/* A program that opens and closes descriptors by their numbers knows the lowest ones: it takes none of ours for its own up
 * there, where there may be any. */
#define HIGH_FD 1009

extern void __cyg_profile_func_enter(void *function, void *call_site);
extern void __cyg_profile_func_exit(void *function, void *call_site);

/* By that of the process there is none when its first thread has ended. */
static long open_memory(void)
{
	const long fd =
		ap_sys4(SYS_openat, AT_FDCWD, "/proc/thread-self/mem", O_RDWR | O_CLOEXEC, 0);
	return fd >= 0 ? fd
		       : ap_sys4(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR | O_CLOEXEC, 0);
}

long ap_patch_code_open(void)
{
	const long fd = open_memory();
	if (fd < 0)
		return fd;
	const long high = ap_sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (high < 0 && fd > 2)
		return fd;
	ap_sys1(SYS_close, fd);
	return high;
}

bool ap_patch_code_prepare(void)
{
	const long memory = ap_patch_code_open();
	if (memory < 0)
		return false;
	ap_sys1(SYS_close, memory);
	return ap_sys3(SYS_membarrier, REGISTER_SYNC_CORE, 0, 0) == 0;
}

static bool read_at(long memory, uint64_t address, void *to, uint64_t bytes)
{
	return ap_sys4(SYS_pread64, memory, to, bytes, address) == (long)bytes;
}

static bool is_hook(uint64_t address)
{
	return address == (uint64_t)__cyg_profile_func_enter ||
	       address == (uint64_t)__cyg_profile_func_exit;
}

/* What the last 4 bytes of an instruction say that ends at @end. */
static uint64_t relative_to(uint64_t end, const uint8_t *behind)
{
	const uint32_t by = (uint32_t)behind[-4] | (uint32_t)behind[-3] << 8 |
			    (uint32_t)behind[-2] << 16 | (uint32_t)behind[-1] << 24;
	return end + (uint64_t)(int64_t)(int32_t)by;
}

static bool is_hooks_slot(long memory, uint64_t slot)
{
	uint64_t address = 0;
	return read_at(memory, slot, &address, sizeof address) && is_hook(address);
}

/* Of the linker: endbr64 or not, bnd or not, jmp *slot(%rip). */
static bool is_hooks_stub(long memory, uint64_t address)
{
	uint8_t bytes[11], k = 0;
	if (!read_at(memory, address, bytes, sizeof bytes))
		return false;
	if (bytes[0] == 0xf3 && bytes[1] == 0x0f && bytes[2] == 0x1e && bytes[3] == 0xfa)
		k = 4;
	k += bytes[k] == 0xf2;
	if (k > 5 || bytes[k] != 0xff || bytes[k + 1] != 0x25)
		return false;
	k += 6;
	return is_hooks_slot(memory, relative_to(address + k, bytes + k));
}

/* Whose hooks are called is said by the loader alone: a program may have its own. */
static bool reaches_hook(long memory, const struct ap_patch_site *site)
{
	static uint64_t known[2]; /* most sites go by two stubs */
	const uint64_t to = relative_to(site->address + site->length, site->bytes + site->length);
	if (site->length == 6)
		return is_hooks_slot(memory, to);
	if (to == known[0] || to == known[1] || is_hook(to))
		return true;
	if (!is_hooks_stub(memory, to))
		return false;
	known[1] = known[0];
	known[0] = to;
	return true;
}

/* Is all of it but the first byte as it was listed? */
static bool goes_on_as_listed(const struct ap_patch_site *site, const uint8_t *at)
{
	for (uint32_t k = 1; k < site->length; k++)
		if (at[k] != site->bytes[k])
			return false;
	return true;
}

static bool fits(long memory, const struct ap_patch_site *site)
{
	uint8_t bytes[sizeof site->bytes];
	if (site->length > sizeof bytes || !ap_patch_first_byte(site->bytes, site->length) ||
	    !read_at(memory, site->address, bytes, site->length))
		return false;
	return bytes[0] == site->bytes[0] && goes_on_as_listed(site, bytes) &&
	       reaches_hook(memory, site);
}

bool ap_patch_code_fits(long memory, const struct ap_patch *patch,
			const struct ap_patch_function *function)
{
	const struct ap_patch_site *sites = ap_patch_sites(patch, function);
	for (uint32_t i = 0; i < function->sites; i++)
		if (!fits(memory, &sites[i]))
			return false;
	return true;
}

/* Some code as it was a moment ago: sites that are near each other, with what lies between them, which is written as it was. It is
 * less than a page, so nothing but code. */
#define RUNS 512u
#define CODE_BYTES 65536u
#define NEAR 4096u
struct run {
	uint64_t from;
	uint32_t bytes;
	uint32_t at;	       /* in the copy */
	uint32_t changed, end; /* from where to where */
	bool unread;
};

/* Signals are blocked, and who is in here holds the lock. */
static struct batch {
	long memory;
	uint32_t runs;
	bool failed, foreign;
	struct run run[RUNS];
	struct iovec there[RUNS];
	uint8_t code[CODE_BYTES];
} batch;

/* The next site is the @site-th of the function at @place in order. */
struct cursor {
	uint32_t place, site;
};

static const struct ap_patch_site *site_at(const struct ap_patch *patch, struct cursor *cursor)
{
	for (; cursor->place < patch->chosen_n; cursor->place++, cursor->site = 0) {
		const struct ap_patch_function *function =
			ap_patch_listed(patch, patch->by_place[cursor->place]);
		if (cursor->site < function->sites)
			return &ap_patch_sites(patch, function)[cursor->site];
	}
	return NULL;
}

static bool is_in(const struct run *run, const struct ap_patch_site *site)
{
	return site->address >= run->from && site->address + site->length <= run->from + run->bytes;
}

static uint32_t used(const struct batch *b)
{
	return b->runs ? b->run[b->runs - 1].at + b->run[b->runs - 1].bytes : 0;
}

/* Return: is there room for it? */
static bool add_site(struct batch *b, const struct ap_patch_site *site)
{
	struct run *last = b->runs ? &b->run[b->runs - 1] : NULL;
	if (last && site->address >= last->from &&
	    site->address - last->from < last->bytes + NEAR) {
		const uint64_t bytes = site->address + site->length - last->from;
		if (last->at + bytes > CODE_BYTES)
			return false;
		last->bytes = bytes > last->bytes ? (uint32_t)bytes : last->bytes;
		return true;
	}
	const uint32_t at = used(b);
	if (b->runs == RUNS || at + site->length > CODE_BYTES)
		return false;
	b->run[b->runs++] = (struct run){.from = site->address, .bytes = site->length, .at = at};
	return true;
}

static struct cursor gather(struct batch *b, const struct ap_patch *patch, struct cursor from)
{
	const struct ap_patch_site *site;
	b->runs = 0;
	while ((site = site_at(patch, &from)) && add_site(b, site))
		from.site++;
	return from;
}

/* All at once: a call of the kernel for each takes longer than all else that a turn does. */
static bool read_together(struct batch *b)
{
	const struct iovec here = {b->code, used(b)};
	for (uint32_t r = 0; r < b->runs; r++)
		b->there[r] = (struct iovec){(void *)b->run[r].from, b->run[r].bytes};
	return ap_sys6(SYS_process_vm_readv, ap_sys0(SYS_getpid), &here, 1, b->there, b->runs, 0) ==
	       (long)here.iov_len;
}

/* Where that is forbidden, or something cannot be read by whoever is not the kernel. */
static void read_runs(struct batch *b)
{
	if (read_together(b))
		return;
	for (uint32_t r = 0; r < b->runs; r++) {
		struct run *run = &b->run[r];
		run->unread = !read_at(b->memory, run->from, &b->code[run->at], run->bytes);
		b->failed |= run->unread;
	}
}

/* What cannot be read is left alone. */
static void change(struct batch *b, struct run *run, const struct ap_patch_site *site, bool asleep)
{
	const uint8_t hook = site->bytes[0], none = ap_patch_first_byte(site->bytes, site->length);
	if (run->unread)
		return;
	const uint32_t at = (uint32_t)(site->address - run->from);
	uint8_t *const there = &b->code[run->at + at];
	if ((*there != hook && *there != none) || !goes_on_as_listed(site, there)) {
		b->foreign = true;
	} else if (*there != (asleep ? none : hook)) {
		*there = asleep ? none : hook;
		run->changed = run->end && run->changed < at ? run->changed : at;
		run->end = run->end > at ? run->end : at + 1;
	}
}

static void write_runs(struct batch *b)
{
	for (uint32_t r = 0; r < b->runs; r++) {
		const struct run *run = &b->run[r];
		const uint32_t bytes = run->end - run->changed;
		if (bytes)
			b->failed |=
				ap_sys4(SYS_pwrite64, b->memory, &b->code[run->at + run->changed],
					bytes, run->from + run->changed) != (long)bytes;
	}
}

/* Sites come in the order in which they were gathered. */
static void change_all(struct batch *b, const struct ap_patch *patch, struct cursor from,
		       struct cursor to, bool asleep)
{
	uint32_t r = 0;
	const struct ap_patch_site *site;
	while ((site = site_at(patch, &from)) && (from.place != to.place || from.site != to.site)) {
		while (r + 1 < b->runs && !is_in(&b->run[r], site))
			r++;
		change(b, &b->run[r], site, asleep);
		from.site++;
	}
}

/* What cannot be written stays as it was; all are tried. */
enum ap_patch_written ap_patch_code_write(const struct ap_patch *patch, bool asleep)
{
	struct batch *b = &batch;
	struct cursor from = {0, 0};
	b->memory = ap_patch_code_open();
	if (b->memory < 0)
		return AP_PATCH_UNWRITTEN;
	b->failed = b->foreign = false;
	while (site_at(patch, &from)) {
		const struct cursor to = gather(b, patch, from);
		read_runs(b);
		change_all(b, patch, from, to, asleep);
		write_runs(b);
		from = to;
	}
	ap_sys1(SYS_close, b->memory);
	b->failed |= ap_sys3(SYS_membarrier, SYNC_CORE, 0, 0) != 0;
	return b->failed ? AP_PATCH_UNWRITTEN : b->foreign ? AP_PATCH_FOREIGN : AP_PATCH_WRITTEN;
}
