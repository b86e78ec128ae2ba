/* SPDX-License-Identifier: MIT */
/* runtime/start.c - the runtime comes up: from the constructor, from a hook before it, or in a forked child.
 *
 * Everything that can fail fails here, and then the runtime is inert for ever: hooks return at once. */
#include <dlfcn.h>
#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"
#include "spool/names.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

extern int __cxa_atexit(void (*function)(void *), void *argument, void *dso);
extern int __cxa_at_quick_exit(void (*function)(void *), void *dso) __attribute__((weak));
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
			     void *dso) __attribute__((weak));

struct ap_runtime ap_runtime;

static char start_stack[32768] __attribute__((aligned(64)));
#define START_STACK_USED 8192 /* of a usual start */

void ap_switch_off(void)
{
	if (ap_runtime.off)
		return;
	ap_runtime.off = true;
	ap_way_choose();
}

void ap_switch_on(void)
{
	ap_runtime.off = false;
	ap_way_choose();
}

/** ap_inert() - give up for good; the reason goes to the log. */
void ap_inert(const char *why, long error)
{
	if (ap_runtime.control)
		__atomic_store_n(&ap_runtime.control->state, AP_STATE_OFF, __ATOMIC_RELEASE);
	if (why)
		ap_log(why, error);
}

/* Memory that a fork wipes to zero: a child's hooks find no thread, no state, nothing of the parent's. Nor is it any
 * business of who reads a core of the program: it would be 10 MiB longer, most of them holes. */
static void *map_wiped(size_t bytes)
{
	const long address = ap_sys6(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (address < 0 && address > -4096)
		return NULL;
	if (ap_sys3(SYS_madvise, address, bytes, MADV_WIPEONFORK) < 0) {
		ap_sys2(SYS_munmap, address, bytes);
		return NULL;
	}
	ap_sys3(SYS_madvise, address, bytes, MADV_DONTDUMP);
	return (void *)address;
}

#define CONTROL_BYTES 4096u /* the threads' controls come behind it */
#define CTLS_BYTES (AP_MAX_THREADS * sizeof(struct ap_ctl))
_Static_assert(sizeof(struct ap_control) <= CONTROL_BYTES, "the control has a page");

/* Several threads may make the first calls of the process at one moment: one mapping stays. */
static bool make_control(void)
{
	const size_t bytes = CONTROL_BYTES + CTLS_BYTES;
	struct ap_control *none = NULL;
	if (__atomic_load_n(&ap_runtime.control, __ATOMIC_ACQUIRE))
		return true;
	struct ap_control *control = map_wiped(bytes);
	if (!control)
		return false;
	if (!__atomic_compare_exchange_n(&ap_runtime.control, &none, control, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		ap_sys2(SYS_munmap, control, bytes);
	return true;
}

/* Events that came while the spool was being made. */
static void settle_early_drops(struct ap_control *c)
{
	const uint32_t n = __atomic_exchange_n(&ap_runtime.early_drops, 0, __ATOMIC_SEQ_CST);
	if (n)
		__atomic_fetch_add(&c->header->dropped[AP_DROP_EARLY], n, __ATOMIC_RELAXED);
}

/* Either the starting thread sees the drop, or we see that it is done. */
static void drop_early(struct ap_control *c)
{
	__atomic_fetch_add(&ap_runtime.early_drops, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&c->state, __ATOMIC_SEQ_CST) == AP_STATE_ON)
		settle_early_drops(c);
}

static uint64_t process_start(void)
{
	char text[1024];
	const char *at = text;
	uint64_t value = 0;
	if (ap_read_file("/proc/self/stat", text, sizeof text) <= 0)
		return 0;
	for (const char *p = text; *p; p++) /* the name in parentheses may hold anything */
		if (*p == ')')
			at = p;
	for (int field = 2; field < 22 && *at; at++)
		field += *at == ' ';
	return ap_parse_u64(&at, &value) ? value : 0;
}

static void read_boot_id(uint8_t id[16])
{
	char text[64];
	int nibble = 0;
	if (ap_read_file("/proc/sys/kernel/random/boot_id", text, sizeof text) <= 0)
		return;
	for (const char *p = text; *p && nibble < 32; p++) {
		const int digit = *p >= '0' && *p <= '9'   ? *p - '0'
				  : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
							   : -1;
		if (digit < 0)
			continue;
		id[nibble / 2] = (uint8_t)(id[nibble / 2] << 4 | digit);
		nibble++;
	}
}

/* Once: to a child that has left the mounts of its parent the kernel gives a path from another root. */
static void find_exe(void)
{
	ap_sys4(SYS_readlinkat, -100 /* AT_FDCWD */, "/proc/self/exe", ap_runtime.exe,
		sizeof ap_runtime.exe - 1);
}

static void write_texts(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	const struct ap_settings *s = &ap_runtime.settings;
	char path[4096];
	h->exe = ap_space_text(c, ap_runtime.exe);
	const long n = ap_sys2(SYS_getcwd, path, sizeof path - 1);
	path[n > 0 ? n : 0] = 0;
	h->cwd = ap_space_text(c, path);
	h->output = ap_space_text(c, s->output);
	h->options_ignored = ap_space_text(c, s->ignored);
	ap_filter_start(c);
}

static void write_identity(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	h->pid = c->pid;
	h->ppid = (uint32_t)ap_sys0(SYS_getppid);
	h->uid = (uint32_t)ap_sys0(SYS_geteuid);
	h->proc_start = process_start();
	h->spool_id = ap_runtime.spool_id;
	read_boot_id(h->boot_id);
	h->start_unix_ns = ap_clock_ns(CLOCK_REALTIME);
	h->cpu_start_ns = ap_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	h->clock_kind = ap_runtime.clock_kind;
	h->ticks_per_s = ap_runtime.ticks_per_s;
	ap_clock_pair(&h->clock_first);
	h->clock_last = h->clock_first;
	ap_hooks_write(h);
	h->deadline_ns = ap_runtime.settings.deadline_ns;
	h->report_wanted = ap_runtime.settings.report;
	h->hist_log2 = 5;
}

/* Where reading the clock is a call, hooks ask so much before each that counting would save nothing. */
static void write_budget(struct ap_control *c)
{
	const uint32_t percent = ap_runtime.settings.overhead_pct;
	if (ap_runtime.clock_kind != AP_CLOCK_MONOTONIC) {
		c->header->budget_pct = percent;
		c->header->patch_wanted = percent && ap_runtime.settings.patch;
	} else if (percent)
		ap_space_note(c, "no budget was kept: this machine has no counter that hooks could "
				 "read by themselves");
	if (ap_runtime.settings.patch && !percent)
		ap_space_note(c, "patch: nothing is patched where there is no budget to keep");
}

static void write_edges(struct ap_spool_header *h)
{
	static const uint64_t edges[3] = {50000000, 100000000, 500000000};
	for (int i = 0; i < 3; i++) {
		h->edge_ns[i] = edges[i];
		h->edge_ticks[i] = ap_ticks_of_ns(edges[i]);
	}
}

static uint32_t shards_wanted(const struct ap_spool_header *h)
{
	const uint64_t cpus = (h->limits.cpu_millicores + 999) / 1000;
	const uint64_t wanted = 2 * (cpus ? cpus : 1);
	return wanted < AP_MAX_SHARDS ? (uint32_t)wanted : AP_MAX_SHARDS;
}

/* The magic is written last: a reader finds a whole header or none. */
static int write_spool(struct ap_control *c, bool forked, uint64_t parent_id)
{
	struct ap_spool_header *h = c->header;
	h->version = AP_SPOOL_VERSION;
	h->byte_order = AP_SPOOL_BYTE_ORDER;
	h->header_bytes = sizeof *h;
	write_identity(c);
	write_edges(h);
	write_texts(c);
	write_budget(c);
	h->flags = forked ? AP_SPOOL_FORKED : 0;
	ap_pause_start(c);
	h->parent_spool_id = parent_id;
	h->max_shards = shards_wanted(h);
	if (!ap_tables_init(c) || !ap_shard_first(c)) {
		ap_space_discard();
		return -ENOMEM;
	}
	__atomic_store_n(&h->life, AP_LIFE_RUNNING, __ATOMIC_RELEASE);
	__atomic_store_n((uint64_t *)h->magic, *(const uint64_t *)AP_SPOOL_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

/** ap_start_hide_parent() - in a forked child: what is left of the parent's spool becomes memory of ours alone.
 *
 * Not unmapped: a handler that interrupted a hook of the parent may have forked us, and that hook goes on here; it
 * may still reserve in that ring and store there. */
void ap_start_hide_parent(void)
{
	if (!ap_runtime.spool_base)
		return;
	ap_sys6(SYS_mmap, ap_runtime.spool_base, ap_runtime.spool_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	ap_runtime.spool_base = NULL;
}

/* The thread that forked without handlers (_Fork, clone) points to a control that may be any one's of the parent.
 * Should another thread be first to record here, no control of the child's may be at that place. */
static bool find_ctls(struct ap_control *c, bool forked)
{
	if (forked && ap_gettid() != c->pid)
		ap_runtime.ctls = map_wiped(CTLS_BYTES);
	else
		ap_runtime.ctls = (struct ap_ctl *)((char *)c + CONTROL_BYTES);
	return ap_runtime.ctls != NULL;
}

/* What the start is about to write, in one call instead of a fault a page, which is dear where memory is virtualized.
 * Where the kernel or its pages are others nothing has happened. */
static void populate(const char *from, const char *end)
{
	const uint64_t first = (uint64_t)from & ~4095ull;
	ap_sys3(SYS_madvise, first, (uint64_t)end - first, MADV_POPULATE_WRITE);
}

static void populate_own(void)
{
	const char *const stack_end = start_stack + sizeof start_stack;
	populate((const char *)&ap_runtime, (const char *)(&ap_runtime + 1));
	populate(stack_end - START_STACK_USED, stack_end);
}

/* The `autoprof run` that we are of waits for our end, while it is there itself. */
static void see_who_waits(struct ap_settings *s)
{
	const uint32_t run = s->monitor ? 0 : ap_names_run_pid(ap_names_last(s->dir));
	if (run && ap_sys2(SYS_kill, run, 0) == -ESRCH)
		s->monitor = true;
}

static void start_body(void *argument)
{
	struct ap_control *c = ap_runtime.control;
	const bool forked = ap_runtime.spool_pid != 0;
	struct ap_clock_pair first;
	(void)argument;
	c->pid = ap_getpid();
	if (forked && !ap_runtime.settings.children) {
		c->state = AP_STATE_OFF;
		return;
	}
	see_who_waits(&ap_runtime.settings);
	if (!find_ctls(c, forked)) {
		ap_inert("no memory for threads, profiling is off", -ENOMEM);
		return;
	}
	if (!forked) {
		populate_own();
		find_exe();
		ap_clock_choose(&first);
		ap_way_choose();
		ap_hooks_calibrate();
	}
	const bool hooks_were_out = forked && ap_patch_child(); /* so no handler saw the fork */
	ap_start_hide_parent(); /* after a fork that ran no handlers */
	const uint64_t parent_id = ap_runtime.spool_id;
	int error = ap_space_create(c);
	if (!forked)
		ap_clock_rate(&first); /* late: the longer ago, the nearer, and the less to wait */
	if (!error)
		error = write_spool(c, forked, parent_id);
	if (error) {
		ap_inert("no spool, profiling is off", error);
		return;
	}
	ap_runtime.spool_base = c->base;
	ap_runtime.spool_bytes = c->file_bytes;
	ap_runtime.spool_pid = c->pid;
	ap_module_of(c, getauxval(AT_ENTRY),
		     ap_ticks()); /* the program itself, while there is nobody to race with */
	if (forked)
		ap_patch_child_starts(c, hooks_were_out);
	__atomic_store_n(&c->state, AP_STATE_ON, __ATOMIC_SEQ_CST);
	settle_early_drops(c);
}

static bool allowed(char *const *environment)
{
	if (!ap_runtime.settings.parsed) {
		if (getauxval(AT_SECURE))
			ap_runtime.settings.parsed = ap_runtime.settings.disabled = true;
		else
			ap_settings_parse(environment ? environment : environ);
	}
	return !ap_runtime.settings.disabled;
}

/* Another libc has not what we need, gives constructors no environment, and saves other things in a jmp_buf. */
static bool libc_is_ours(void)
{
	if (!_dl_find_object || !__register_atfork || !__cxa_at_quick_exit)
		ap_switch_off();
	return !ap_runtime.off;
}

/* The loader itself calls functions of the program: those that choose an IFUNC, maybe before we are relocated. Then
 * nothing that goes through our tables may be touched. A little later thread-local storage is still to be filled, and
 * then libc does not have the environment yet, where the options are. */
bool ap_start_possible(void)
{
	static const void *const volatile relocated = &ap_runtime;
	if (relocated == (const void *)&ap_runtime && ap_self && environ)
		return true;
	__atomic_fetch_add(&ap_runtime.early_drops, 1, __ATOMIC_RELAXED);
	return false;
}

bool ap_start(char *const *environment)
{
	uint32_t fresh = AP_STATE_NEW;
	/* Hooks may run before the constructor: until the start has looked, the machine's counter is taken for good. */
	if (ap_runtime.clock_kind == AP_CLOCK_NONE)
		ap_runtime.clock_kind = AP_ARCH_CLOCK;
	ap_way_choose();
	if (!libc_is_ours())
		return false;
	if (!make_control()) {
		ap_switch_off(); /* else each call would ask for the memory again */
		return false;
	}
	struct ap_control *c = ap_runtime.control;
	if (!__atomic_compare_exchange_n(&c->state, &fresh, AP_STATE_STARTING, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		if (fresh == AP_STATE_STARTING && !environment) /* the constructor has no event */
			drop_early(c);
		return fresh == AP_STATE_ON;
	}
	const uint64_t mask = ap_signals_block();
	if (allowed(environment))
		ap_arch_call_on_stack(start_body, NULL, start_stack + sizeof start_stack);
	else
		c->state = AP_STATE_OFF;
	if (c->state == AP_STATE_OFF)
		ap_switch_off();
	ap_signals_restore(mask);
	return c->state == AP_STATE_ON;
}

static void at_exit(void *unused)
{
	(void)unused;
	ap_end(AP_END_EXIT, 0, true);
}

static void at_quick_exit_handler(void *unused)
{
	(void)unused;
	ap_end(AP_END_QUICK_EXIT, 0, true);
}

static void after_fork_in_parent(void)
{
	struct ap_control *c = ap_runtime.control;
	ap_fork_parent();
	if (c && c->state == AP_STATE_ON)
		__atomic_fetch_add(&c->header->processes_created, 1, __ATOMIC_RELAXED);
}

/* Registered without a DSO, the handler of exit() is not run by our own finalisation but in its turn: as it
 * is among the first to be registered, after the handlers and destructors of everybody else. */
__attribute__((constructor)) static void start(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	ap_start(environment);
	if (!ap_runtime.control || ap_runtime.off)
		return; /* else it is on, or about to be: another thread called first, and is at it */
	ap_attendant_find();
	ap_thread_key_init();
	__cxa_atexit(at_exit, NULL, NULL);
	__cxa_at_quick_exit(at_quick_exit_handler, NULL);
	__register_atfork(ap_fork_prepare, after_fork_in_parent, ap_fork_child, NULL);
}
