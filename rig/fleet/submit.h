/* A job from the submitter's side: put, followed, cancelled, its files fetched. Errors: server.h. */
#ifndef PENRIG_FLEET_SUBMIT_H
#define PENRIG_FLEET_SUBMIT_H

#include "rig/base/disk.h"
#include "rig/fleet/depot.h"
#include "rig/fleet/server.h"

#define SUBMIT_LEASE_S 60 /* whoever waits and is not heard of for so long is gone */

struct submission {
	const char *token; /* a UUID: submitted again with it, it is the same job */
	const char *site;  /* NULL: the only one that this login has */
	unsigned needs, reports;
	const char *const *need, *const *report;
	const char *plan_name, *plan, *dut, *lot;
	int priority, attempts;
	double deadline_s;     /* from now; 0: none */
	const char *exclusive; /* group of jobs of which one runs at a time; "": none */
	int64_t reservation;   /* on the bench that is reserved so; 0: none */
	const char *image;     /* SHA-256 in hex of what is to be on the unit; "": any */
	double at_most_s;      /* its run is interrupted then; 0: no bound */
	bool waits;
};
/* The version of the tables that it needs. */
int submit_needs(const struct submission *submission);
int submit_put(struct server *server, const struct submission *submission, int64_t *ret_job, struct err *err);

struct job_state {
	char state[16], reason[400], bench[64], run_id[40];
	int exit_code; /* -1: none */
	bool closed;
};
int submit_follow(struct server *server, int64_t job, struct job_state *ret, struct err *err);
int submit_cancel(struct server *server, int64_t job, const char *why, char ret_state[16], struct err *err);
/* The files of the run that answered it, into a folder; each is what was sent, by its SHA-256, and on the disk. One that is there
 * already with other content is not overwritten: -EEXIST. */
int submit_fetch(struct server *server, int64_t job, const char *folder, const struct depot_config *store,
		 void (*got)(void *ctx, const char *path), void *ctx, struct err *err);
/* The run file of any run that this login sees, into a folder; ret_path: where. -ENOENT: the server has the run without it. */
int submit_fetch_run(struct server *server, const char *run_id, const char *folder, const struct depot_config *store,
		     char *ret_path, size_t size, struct err *err);

#endif
