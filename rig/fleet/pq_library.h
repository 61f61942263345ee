/* libpq, loaded when the fleet is asked for: it brings Kerberos, LDAP and TLS, which every other command would map for nothing.
 * Only this header includes its own. */
#ifndef PENRIG_FLEET_PQ_LIBRARY_H
#define PENRIG_FLEET_PQ_LIBRARY_H

#include "rig/base/error.h"

/* What a build without it lacks, and what a computer does. */
#define PQ_PACKAGE_BUILD "libpq-dev"
#define PQ_PACKAGE       "libpq5"

/* Its file, as the loader finds it; NULL: a build without it. */
const char *pq_file(void);

#ifdef PENRIG_PQ

#include <libpq-fe.h>

/* clang-format off */
#define PQ_FUNCTIONS(X) \
	X(PQconninfoParse) X(PQconninfoFree) X(PQconninfo) X(PQconnectStartParams) X(PQconnectPoll) X(PQstatus) X(PQsocket) \
	X(PQsetnonblocking) X(PQsendQuery) X(PQsendQueryParams) X(PQflush) X(PQisBusy) X(PQgetResult) X(PQconsumeInput) \
	X(PQnotifies) X(PQfreemem) X(PQfinish) X(PQclear) X(PQresultStatus) X(PQresultErrorField) X(PQerrorMessage) \
	X(PQntuples) X(PQgetvalue) X(PQgetisnull) X(PQsetNoticeProcessor)
/* clang-format on */

#define PQ_MEMBER(name) __typeof__(name) *name;
struct pq_library {
	PQ_FUNCTIONS(PQ_MEMBER)
};
#undef PQ_MEMBER

extern struct pq_library pq; /* of use after pq_load() */

/* Once or again. -ENOENT: it is not there, with what to install; -ENOTSUP: it is another. */
int pq_load(struct err *err);

#endif

#endif
