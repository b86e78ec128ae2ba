/* SPDX-License-Identifier: MIT */
/* cli/elf_facts.c - see elf_facts.h. */
#include "cli/elf_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MOST_SCRIPTS 4 /* as deep as the kernel follows #! */

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#else
#define NATIVE_MACHINE EM_NONE
#endif

static void read_rights(int fd, struct ap_elf_facts *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return;
	}
	ret->setuid = st.st_mode & S_ISUID;
	ret->setgid = (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
	ret->capabilities = fgetxattr(fd, "security.capability", NULL, 0) > 0;
	ret->secure = (ret->setuid && st.st_uid != getuid()) ||
		      (ret->setgid && st.st_gid != getgid()) ||
		      (ret->capabilities && getuid() != 0);
}

static void read_header(Elf *elf, struct ap_elf_facts *ret)
{
	GElf_Ehdr header;

	if (!gelf_getehdr(elf, &header)) {
		return;
	}
	const int ours = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	ret->elf = header.e_type == ET_EXEC || header.e_type == ET_DYN;
	ret->bits = header.e_ident[EI_CLASS] == ELFCLASS32 ? 32 : 64;
	ret->native = ret->bits == 64 && header.e_ident[EI_DATA] == ours &&
		      header.e_machine == NATIVE_MACHINE;
}

static void read_segments(int fd, Elf *elf, struct ap_elf_facts *ret)
{
	GElf_Phdr segment;
	size_t n = 0;

	(void)elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n && gelf_getphdr(elf, (int)i, &segment); i++) {
		if (segment.p_type != PT_INTERP) {
			continue;
		}
		size_t bytes = segment.p_filesz;
		bytes = bytes < sizeof(ret->interpreter) ? bytes : sizeof(ret->interpreter) - 1;
		if (pread(fd, ret->interpreter, bytes, (off_t)segment.p_offset) < 0) {
			ret->interpreter[0] = 0;
		}
		ret->dynamic = ret->interpreter[0] != 0;
		ret->musl = strstr(ret->interpreter, "ld-musl") != NULL;
	}
}

static void see_needed(const char *name, struct ap_elf_facts *ret)
{
	static const char *const runtimes[] = {"libasan.", "libtsan.", "liblsan.", "libclang_rt."};

	for (size_t i = 0; name && i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		if (strncmp(name, runtimes[i], strlen(runtimes[i])) == 0) {
			snprintf(ret->sanitizer, sizeof(ret->sanitizer), "%s", name);
		}
	}
}

static void read_needed(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			struct ap_elf_facts *ret)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Dyn entry;

	for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
		if (entry.d_tag == DT_NEEDED) {
			see_needed(elf_strptr(elf, header->sh_link, entry.d_un.d_val), ret);
		}
	}
}

static void see_symbol(const char *name, bool defined, struct ap_elf_facts *ret)
{
	if (strcmp(name, "__cyg_profile_func_enter") == 0) {
		ret->imports_hooks |= !defined;
		ret->defines_hooks |= defined;
	} else if (defined && !ret->sanitizer[0] &&
		   (strcmp(name, "__asan_init") == 0 || strcmp(name, "__tsan_init") == 0 ||
		    strcmp(name, "__msan_init") == 0)) {
		snprintf(ret->sanitizer, sizeof(ret->sanitizer), "%.4s runtime inside", name + 2);
	}
}

static void read_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			 struct ap_elf_facts *ret)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;

	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		/* The versioned import in a .symtab is "name@VERSION". */
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
		char bare[64];
		if (name) {
			snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(name, "@"), name);
			see_symbol(bare, symbol.st_shndx != SHN_UNDEF, ret);
		}
	}
}

static void read_sections(Elf *elf, struct ap_elf_facts *ret)
{
	size_t names = 0;
	GElf_Shdr header;

	(void)elf_getshdrstrndx(elf, &names);
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section;
	     section = elf_nextscn(elf, section)) {
		if (!gelf_getshdr(section, &header)) {
			continue;
		}
		const char *name = elf_strptr(elf, names, header.sh_name);
		if (header.sh_type == SHT_DYNAMIC) {
			read_needed(elf, section, &header, ret);
		} else if (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM) {
			ret->symbols |= header.sh_type == SHT_SYMTAB;
			read_symbols(elf, section, &header, ret);
		}
		ret->debug |= name && strcmp(name, ".debug_info") == 0;
	}
}

static void read_elf(int fd, struct ap_elf_facts *ret)
{
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf) {
		return;
	}
	if (elf_kind(elf) == ELF_K_ELF) {
		read_header(elf, ret);
		read_segments(fd, elf, ret);
		read_sections(elf, ret);
	}
	elf_end(elf);
}

/* The interpreter of a script into @ret (of @size bytes). */
static bool read_script(int fd, char *ret, size_t size)
{
	char line[256];
	const ssize_t n = pread(fd, line, sizeof(line) - 1, 0);

	if (n < 3 || line[0] != '#' || line[1] != '!') {
		return false;
	}
	line[n] = 0;
	const char *name = line + 2 + strspn(line + 2, " \t");
	const int bytes = (int)strcspn(name, " \t\r\n");
	snprintf(ret, size, "%.*s", bytes, name);
	return bytes > 0;
}

int ap_elf_facts(const char *path, struct ap_elf_facts *ret)
{
	*ret = (struct ap_elf_facts){.path = ""};
	snprintf(ret->path, sizeof(ret->path), "%s", path);
	for (int depth = 0;; depth++) {
		const int fd = open(ret->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0) {
			return -errno;
		}
		if (depth == MOST_SCRIPTS || !read_script(fd, ret->path, sizeof(ret->path))) {
			read_rights(fd, ret);
			read_elf(fd, ret);
			close(fd);
			return 0;
		}
		ret->script = true;
		close(fd);
	}
}
