/* SPDX-License-Identifier: MIT */
/* runtime/patch_code.c - instructions that call hooks, in the memory of the process.
 *
 * A hook goes by another value of one byte, which leaves an instruction of the same length, so it does not matter where other threads
 * are: they execute the one or the other, however many bytes are stored at a time. Written through /proc/self/mem, so no page ever is writable and executable,
 * and made known to all processors by membarrier(). */
#include <fcntl.h>

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

static bool fits(long memory, const struct ap_patch_site *site)
{
	uint8_t bytes[sizeof site->bytes];
	if (site->length > sizeof bytes || !ap_patch_first_byte(site->bytes, site->length) ||
	    !read_at(memory, site->address, bytes, site->length))
		return false;
	for (uint32_t k = 0; k < site->length; k++)
		if (bytes[k] != site->bytes[k])
			return false;
	return reaches_hook(memory, site);
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

/* Some code as it was a moment ago, and as far as it is to be written: one call of the kernel for all sites that are near each
 * other. What lies between them is written as it was. */
#define NEAR 4096u
struct writer {
	long memory;
	uint64_t from;
	uint32_t bytes, changed;
	bool failed, foreign;
};
static uint8_t code[NEAR];

static void flush(struct writer *w)
{
	if (w->changed)
		w->failed |= ap_sys4(SYS_pwrite64, w->memory, code, w->changed, w->from) !=
			     (long)w->changed;
	w->changed = 0;
}

/* What is behind may not be there. */
static bool go_to(struct writer *w, uint64_t address, uint32_t length)
{
	if (address - w->from < w->bytes && w->bytes - (address - w->from) >= length)
		return true;
	flush(w);
	const long n = ap_sys4(SYS_pread64, w->memory, code, NEAR, address);
	w->from = address;
	w->bytes = n > 0 ? (uint32_t)n : 0;
	w->failed |= n < (long)length;
	return n >= (long)length;
}

/* Is all of it but the first byte as it was listed? */
static bool goes_on_as_listed(const struct ap_patch_site *site, const uint8_t *at)
{
	for (uint32_t k = 1; k < site->length; k++)
		if (at[k] != site->bytes[k])
			return false;
	return true;
}

static void write_site(struct writer *w, const struct ap_patch_site *site, bool asleep)
{
	const uint8_t hook = site->bytes[0], none = ap_patch_first_byte(site->bytes, site->length);
	if (!go_to(w, site->address, site->length))
		return;
	const uint32_t at = (uint32_t)(site->address - w->from);
	if ((code[at] != hook && code[at] != none) || !goes_on_as_listed(site, &code[at])) {
		w->foreign = true;
	} else if (code[at] != (asleep ? none : hook)) {
		code[at] = asleep ? none : hook;
		w->changed = at < w->changed ? w->changed : at + 1;
	}
}

/* What cannot be written stays as it was; all are tried. */
enum ap_patch_written ap_patch_code_write(const struct ap_patch *patch, bool asleep)
{
	struct writer w = {.memory = ap_patch_code_open()};
	if (w.memory < 0)
		return AP_PATCH_UNWRITTEN;
	for (uint32_t i = 0; i < patch->chosen_n; i++) {
		const struct ap_patch_function *function =
			ap_patch_listed(patch, patch->by_place[i]);
		const struct ap_patch_site *sites = ap_patch_sites(patch, function);
		for (uint32_t k = 0; k < function->sites; k++)
			write_site(&w, &sites[k], asleep);
	}
	flush(&w);
	ap_sys1(SYS_close, w.memory);
	w.failed |= ap_sys3(SYS_membarrier, SYNC_CORE, 0, 0) != 0;
	return w.failed ? AP_PATCH_UNWRITTEN : w.foreign ? AP_PATCH_FOREIGN : AP_PATCH_WRITTEN;
}
