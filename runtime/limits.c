/* SPDX-License-Identifier: MIT */
/* runtime/limits.c - what the machine grants: memory and processors, of all cgroup ancestors (v1 and v2). */
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"

static void take_smaller(uint64_t *into, uint64_t value)
{
	if (value && (!*into || value < *into))
		*into = value;
}

/* A number in a file; 0 for "max", -1, absent. */
static uint64_t number_in(const char *path, uint64_t *ret_second)
{
	char text[64];
	const char *at = text;
	uint64_t value = 0;
	if (ap_read_file(path, text, sizeof text) <= 0 || !ap_parse_u64(&at, &value))
		return 0;
	if (ret_second && *at == ' ') {
		at++;
		ap_parse_u64(&at, ret_second);
	}
	return value;
}

struct cgroup_files {
	const char *root;
	const char *memory[2];
	const char *cpu_quota; /* v2: "quota period" in one file */
	const char *cpu_period;
};

static const struct cgroup_files cgroup_v2[] = {
	{"/sys/fs/cgroup", {"/memory.max", "/memory.high"}, "/cpu.max", NULL},
	{"/sys/fs/cgroup/unified", {"/memory.max", "/memory.high"}, "/cpu.max", NULL},
};
static const struct cgroup_files cgroup_v1_memory = {"/sys/fs/cgroup/memory",
						     {"/memory.limit_in_bytes", NULL},
						     NULL,
						     NULL};
static const struct cgroup_files cgroup_v1_cpu = {"/sys/fs/cgroup/cpu",
						  {NULL, NULL},
						  "/cpu.cfs_quota_us",
						  "/cpu.cfs_period_us"};

/* @name: root, path and file in one, cut at its end. */
static void name_file(char name[static 512], const char *root, const char *path, size_t length,
		      const char *file)
{
	struct ap_line line = {name, 512, 0};
	ap_line_str(&line, root);
	for (size_t i = 0; i < length && line.used + 1 < line.size; i++)
		name[line.used++] = path[i];
	ap_line_str(&line, file);
}

static uint64_t read_at(const char *root, const char *path, size_t length, const char *file,
			uint64_t *second)
{
	char name[512];
	name_file(name, root, path, length, file);
	return number_in(name, second);
}

/* One directory of the hierarchy: @path[0..length). */
static void read_group(struct ap_limits *limits, const struct cgroup_files *files, const char *path,
		       size_t length)
{
	for (int i = 0; i < 2 && files->memory[i]; i++) {
		const uint64_t bytes = read_at(files->root, path, length, files->memory[i], NULL);
		if (bytes < 1ull << 60) /* v1 says "no limit" by a huge number */
			take_smaller(&limits->memory_bytes, bytes);
	}
	if (!files->cpu_quota)
		return;
	uint64_t period = 0;
	const uint64_t quota = read_at(files->root, path, length, files->cpu_quota, &period);
	if (files->cpu_period)
		period = read_at(files->root, path, length, files->cpu_period, NULL);
	if (quota && period)
		take_smaller(&limits->cpu_millicores, quota * 1000 / period);
}

/* The group and all its ancestors up to the root. */
static void read_ancestors(struct ap_limits *limits, const struct cgroup_files *files,
			   const char *path)
{
	size_t length = 0;
	while (path[length] && path[length] != '\n')
		length++;
	if (length == 1) /* "/" is the root itself */
		length = 0;
	for (;;) {
		read_group(limits, files, path, length);
		if (length == 0)
			return;
		while (length > 0 && path[length - 1] != '/')
			length--;
		if (length > 0)
			length--;
	}
}

/* A mounted hierarchy of the second version says at its root what it controls. */
static bool is_mounted(const char *root)
{
	char name[512];
	name_file(name, root, "", 0, "/cgroup.controllers");
	return ap_sys3(SYS_faccessat, AT_FDCWD, name, F_OK) == 0;
}

/* The line is there, too, where nobody has mounted that hierarchy. */
static void read_unified(struct ap_limits *limits, const char *path)
{
	for (size_t i = 0; i < sizeof cgroup_v2 / sizeof cgroup_v2[0]; i++)
		if (is_mounted(cgroup_v2[i].root))
			read_ancestors(limits, &cgroup_v2[i], path);
}

/* Lines "hierarchy:controllers:path". */
static void read_cgroups(struct ap_limits *limits)
{
	char text[4096];
	if (ap_read_file("/proc/self/cgroup", text, sizeof text) <= 0)
		return;
	for (char *line = text; *line;) {
		char *first = line, *end = line;
		while (*end && *end != '\n')
			end++;
		while (first < end && *first != ':')
			first++;
		char *second = first < end ? first + 1 : end;
		while (second < end && *second != ':')
			second++;
		if (second < end) {
			const char *path = second + 1;
			const size_t width = (size_t)(second - first);
			if (width == 1) {
				read_unified(limits, path);
			} else if (width == 7 && first[1] == 'm' && first[2] == 'e') {
				read_ancestors(limits, &cgroup_v1_memory, path);
			} else if (width >= 4 && first[1] == 'c' && first[2] == 'p' &&
				   first[3] == 'u' && (first[4] == ':' || first[4] == ',')) {
				read_ancestors(limits, &cgroup_v1_cpu, path);
			}
		}
		line = *end ? end + 1 : end;
	}
}

static uint64_t host_memory(void)
{
	struct sysinfo info;
	return ap_sys1(SYS_sysinfo, &info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

static uint64_t affinity_millicores(void)
{
	unsigned char mask[1024];
	uint64_t cpus = 0;
	const long bytes = ap_sys3(SYS_sched_getaffinity, 0, sizeof mask, mask);
	for (long i = 0; i < bytes; i++)
		cpus += (uint64_t)__builtin_popcount(mask[i]);
	return cpus * 1000;
}

/** ap_limits_read() - limits at this moment; 0 where none or unknown. Start only. */
void ap_limits_read(struct ap_limits *limits)
{
	uint64_t rlimit[2] = {0, 0};
	read_cgroups(limits);
	limits->memory_from = limits->memory_bytes ? AP_LIMIT_CGROUP : AP_LIMIT_NONE;
	limits->host_memory_bytes = host_memory();
	if (limits->host_memory_bytes && limits->memory_bytes > limits->host_memory_bytes) {
		limits->memory_bytes = 0;
		limits->memory_from = AP_LIMIT_NONE;
	}
	take_smaller(&limits->cpu_millicores, affinity_millicores());
	if (ap_sys4(SYS_prlimit64, 0, RLIMIT_AS, 0, rlimit) == 0 && rlimit[0] != ~0ull &&
	    (!limits->memory_bytes || rlimit[0] < limits->memory_bytes)) {
		limits->memory_bytes = rlimit[0];
		limits->memory_from = AP_LIMIT_RLIMIT_AS;
	}
}
