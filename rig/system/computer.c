/* See computer.h. */
#include "rig/system/computer.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "rig/base/loop.h"

#define WRITES         5
#define WRITE_BYTES    4096
#define SYNC_SLOW_MS   250.0 /* the run file's writer commits about four times a second */
#define FREE_LEAST     (UINT64_C(64) << 20)
#define FREE_FEW       (UINT64_C(1) << 30)
#define CLOCK_ERROR_US 1000000

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void read_clock(struct computer *ret)
{
	struct timex now = {.modes = 0};
	int state = adjtimex(&now);

	ret->clock_known = state >= 0;
	ret->clock_synchronised = state >= 0 && state != TIME_ERROR && !(now.status & STA_UNSYNC);
	ret->clock_error_us = now.maxerror > 0 ? (uint64_t)now.maxerror : 0;
}

static bool may_run_first(void)
{
	struct rlimit limit;

	return geteuid() == 0 || (getrlimit(RLIMIT_RTPRIO, &limit) == 0 && limit.rlim_cur >= 1);
}

static bool runs(const char *root, const char *program)
{
	char folder[PATH_MAX], path[PATH_MAX], comm[32];
	struct dirent *entry;
	bool found = false;

	snprintf(folder, sizeof(folder), "%s/proc", root);
	DIR *dir = opendir(folder);
	while (dir && !found && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%.3000s/%.255s/comm", folder, entry->d_name);
		FILE *file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(comm, sizeof(comm), file)) {
			comm[strcspn(comm, "\n")] = '\0';
			found = strcmp(comm, program) == 0;
		}
		fclose(file);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int write_durably(int fd, double *ret_ms)
{
	static const char bytes[WRITE_BYTES];
	uint64_t began_ns = loop_clock_monotonic.now_ns(NULL);

	if (pwrite(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes) || fsync(fd))
		return errno ? -errno : -EIO;
	*ret_ms = (double)(loop_clock_monotonic.now_ns(NULL) - began_ns) / 1e6;
	return 0;
}

static void time_writes(const char *folder, struct computer *ret)
{
	char path[PATH_MAX];
	double ms = 0;
	int fd, status = 0;

	snprintf(path, sizeof(path), "%.3000s/.penrig-doctor-XXXXXX", folder);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		ret->disk_errno = errno;
		return;
	}
	unlink(path);
	ret->sync_ms = 0;
	for (int i = 0; i < WRITES && !status; i++) {
		status = write_durably(fd, &ms);
		ret->sync_ms = fmax(ret->sync_ms, ms);
	}
	close(fd);
	if (status) {
		ret->disk_errno = -status;
		ret->sync_ms = NAN;
	}
}

void computer_read(const char *root, const char *folder, struct computer *ret)
{
	struct statvfs fs;

	*ret = (struct computer){
		.sync_ms = NAN, .real_time = may_run_first(), .modem_manager = runs(root, "ModemManager")};
	read_clock(ret);
	if (statvfs(folder, &fs) == 0) {
		ret->disk_known = true;
		ret->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	} else {
		ret->disk_errno = errno;
	}
	if (ret->disk_known)
		time_writes(folder, ret);
}

/* ---- what is to be said ------------------------------------------------------------------------------------------ */

static void check_clock(const struct computer *c, struct diagnoses *findings)
{
	if (!c->clock_known)
		diagnosis_add(findings, DIAGNOSIS_UNKNOWN, "clock", "",
			      "the kernel does not tell whether the clock is set by others");
	else if (!c->clock_synchronised)
		diagnosis_mend(
			diagnosis_add(findings, DIAGNOSIS_WARNING, "clock", "",
				      "no time server keeps this computer's clock: rates rest on the sensor's own "
				      "clock, and dates "
				      "on whoever set it"),
			"sudo timedatectl set-ntp true");
	else if (c->clock_error_us > CLOCK_ERROR_US)
		diagnosis_mend(diagnosis_add(findings, DIAGNOSIS_WARNING, "clock", "", "the clock may be off by %.1f s",
					     (double)c->clock_error_us / 1e6),
			       "timedatectl timesync-status    # or: chronyc tracking");
	else
		diagnosis_add(findings, DIAGNOSIS_GOOD, "clock", "", "kept by a time server");
}

static void check_real_time(const struct computer *c, struct diagnoses *findings)
{
	if (c->real_time)
		diagnosis_add(findings, DIAGNOSIS_GOOD, "real time", "", "penrig may run before other programs");
	else
		diagnosis_mend(
			diagnosis_add(findings, DIAGNOSIS_WARNING, "real time", "",
				      "penrig may not run before other programs: on a busy computer heartbeats "
				      "leave late, and "
				      "a point is measured again or not at all"),
			"echo '@penrig - rtprio 1' | sudo tee /etc/security/limits.d/penrig.conf    # then log in "
			"again");
}

static void check_sync(const struct computer *c, const char *folder, struct diagnoses *findings)
{
	if (isnan(c->sync_ms))
		diagnosis_mend(diagnosis_add(findings, DIAGNOSIS_FAULT, "disk", folder,
					     "nothing can be written there: %s", strerror(c->disk_errno)),
			       "penrig doctor --output-dir FOLDER    # one that you may write to");
	else if (c->sync_ms > SYNC_SLOW_MS)
		diagnosis_mend(
			diagnosis_add(findings, DIAGNOSIS_WARNING, "disk", folder,
				      "a durable write takes %.0f ms: a run may end because its file cannot be kept",
				      c->sync_ms),
			"penrig doctor --output-dir FOLDER    # one on a disk of this computer");
	else
		diagnosis_add(findings, DIAGNOSIS_GOOD, "disk", folder, "a durable write takes %.0f ms",
			      ceil(c->sync_ms));
}

static void check_disk(const struct computer *c, const char *folder, struct diagnoses *findings)
{
	if (!c->disk_known) {
		diagnosis_mend(diagnosis_add(findings, DIAGNOSIS_FAULT, "disk", folder, "%s", strerror(c->disk_errno)),
			       "mkdir -p '%s'", folder);
		return;
	}
	check_sync(c, folder, findings);
	if (c->free_bytes < FREE_LEAST || c->free_bytes < FREE_FEW)
		diagnosis_mend(diagnosis_add(findings, c->free_bytes < FREE_LEAST ? DIAGNOSIS_FAULT : DIAGNOSIS_WARNING,
					     "disk", folder, "%llu MB are free",
					     (unsigned long long)(c->free_bytes >> 20)),
			       "penrig dispose --help    # what of old runs may go, and how");
	else
		diagnosis_add(findings, DIAGNOSIS_GOOD, "disk", folder, "%llu GB are free",
			      (unsigned long long)(c->free_bytes >> 30));
}

void computer_check(const struct computer *computer, const char *folder, struct diagnoses *findings)
{
	check_clock(computer, findings);
	check_real_time(computer, findings);
	check_disk(computer, folder, findings);
}
