/* Who may do what at a station: users with a PIN, a role and the plans that they are trained for. What is known of them follows
 * from one file, the trail: a line of JSON for each change, sign-in and wrong PIN, and each line holds the SHA-256 of the one
 * before, so no line can be changed or taken out unseen. What the chain cannot show is that its last lines are missing: who
 * wants that too notes its head (`penrig account list`).
 *
 * Several processes share the file: one line is written at a time, behind all that the others wrote. */
#ifndef PENRIG_STATION_ACCOUNTS_H
#define PENRIG_STATION_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/digest.h"
#include "rig/base/pin.h"

#define ACCOUNT_TEXT      64
#define ACCOUNT_REASON    240
#define ACCOUNTS_MAX      256
#define ACCOUNT_PLANS_MAX 32
#define ACCOUNT_WRONG_MAX 5 /* wrong PINs in a row that lock an account, until it is unlocked */

enum account_role {
	ROLE_OPERATOR,  /* tests by the plans that it is trained for */
	ROLE_ENGINEER,  /* tests by every plan */
	ROLE_SUPERVISOR /* the same; decides about units that failed, and changes accounts */
};
extern const char *const account_roles[]; /* NULL-terminated */

struct account {
	char name[ACCOUNT_TEXT], badge[ACCOUNT_TEXT]; /* badge "": none */
	char pin[PIN_KEPT_MAX];                       /* as pin_keep() */
	enum account_role role;
	bool disabled;
	unsigned wrong; /* wrong PINs since the last right one */
	unsigned plans;
	char plan[ACCOUNT_PLANS_MAX][ACCOUNT_TEXT];
};

enum account_event {
	ACCOUNT_ADD, /* name, badge, role, pin */
	ACCOUNT_PIN,
	ACCOUNT_BADGE,
	ACCOUNT_ROLE,
	ACCOUNT_TRAIN, /* plan */
	ACCOUNT_UNTRAIN,
	ACCOUNT_DISABLE,
	ACCOUNT_ENABLE,
	ACCOUNT_UNLOCK,
	ACCOUNT_CHANGES, /* those before are changes: a supervisor makes them */
	ACCOUNT_SIGN_IN = ACCOUNT_CHANGES,
	ACCOUNT_SIGN_OUT,
	ACCOUNT_WRONG_PIN,
	ACCOUNT_DECIDE, /* about a unit that failed: text, reason */
	ACCOUNT_EVENTS
};
extern const char *const account_events[]; /* "add", "pin", ...; NULL-terminated */

struct account_entry { /* what is to be told; fields that the event has no use for are "" */
	enum account_event event;
	const char *name, *by;          /* whose account; who did it */
	const char *badge, *pin, *plan; /* pin: as pin_keep() */
	enum account_role role;
	const char *text, *reason; /* of ACCOUNT_DECIDE: "retest PEN-1" and why */
};

struct accounts;

/* make: an empty file where there is none. -ENOENT; -EBADMSG with file and line: it is no trail, or its chain is broken; -errno. */
int accounts_open(const char *path, bool make, struct accounts **ret, struct err *err);
void accounts_close(struct accounts *accounts); /* NULL is fine */
/* Takes in what others wrote since. Errors as accounts_open(); what is known then is no longer to be used. */
int accounts_refresh(struct accounts *accounts, struct err *err);

unsigned accounts_count(const struct accounts *accounts);
const struct account *accounts_at(const struct accounts *accounts, unsigned i);
/* By name or badge; NULL: nobody's. Lives until the next call that changes or refreshes. */
const struct account *accounts_find(const struct accounts *accounts, const char *who);
void accounts_head(const struct accounts *accounts, char ret[DIGEST_HEX]); /* digest of the last line */

/* Durable when it returns 0. -EINVAL with text: it makes no sense (a name twice, nobody's name, the last supervisor goes);
 * -errno: nothing has changed. wall_ns: UTC. */
int accounts_tell(struct accounts *accounts, const struct account_entry *entry, uint64_t wall_ns, struct err *err);

enum account_answer { ACCOUNT_KNOWN, ACCOUNT_NOBODY, ACCOUNT_WRONG, ACCOUNT_LOCKED, ACCOUNT_DISABLED, ACCOUNT_UNTOLD };
/* Whether it is `who` (name or badge) who gives this PIN; a wrong one is told to the trail before this returns. Nobody is known
 * where that cannot be (ACCOUNT_UNTOLD). *ret is set where known. An account that nobody has takes as long as a wrong PIN. */
enum account_answer accounts_ask(struct accounts *accounts, const char *who, const char *pin, uint64_t wall_ns,
				 const struct account **ret);
const char *account_answer_name(enum account_answer answer); /* keys of the page's words: "account_wrong", ... */

bool account_locked(const struct account *account);
bool account_trained(const struct account *account, const char *plan);

#endif
