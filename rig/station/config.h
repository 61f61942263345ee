/* The station's file (docs/station.md): benches, products and how their codes look, who may sign in, where it listens. */
#ifndef PENRIG_STATION_CONFIG_H
#define PENRIG_STATION_CONFIG_H

#include <regex.h>
#include <stdbool.h>

#include "rig/base/disk.h"
#include "rig/base/json.h"
#include "rig/station/scan.h"

#define STATION_BENCHES_MAX   8
#define STATION_PRODUCTS_MAX  32
#define STATION_OPERATORS_MAX 64
#define STATION_HOSTS_MAX     8
#define STATION_WORDS_MAX     32 /* of the command */
#define STATION_HOOKS_MAX     4  /* before, and as many after */
#define STATION_HOOK_WORDS    16
#define STATION_CHECKS_MAX    8 /* of one product */
#define STATION_PICTURES_MAX  32
#define STATION_TEXT          64

struct station_bench_config {
	char file[FILE_PATH_MAX], label[STATION_TEXT];
};

struct station_need {         /* what is asked for before a test; expression "": it is not */
	char expression[160]; /* an extended regular expression for the whole of it */
	regex_t pattern;
};

struct station_check {
	char text[128]; /* what is to be looked at, and is confirmed */
	int picture;    /* in the configuration; -1: none */
};

struct station_picture {
	char phantom[STATION_TEXT]; /* that it shows; "": a check's */
	char file[FILE_PATH_MAX];
	const char *type; /* of its contents */
};

struct station_product {
	char name[STATION_TEXT], plan[FILE_PATH_MAX];
	char gtin[SCAN_GTIN];     /* "": its units are told by the serial number alone */
	char serial[160];         /* an extended regular expression for the whole serial number */
	regex_t pattern;          /* of it, not anchored */
	int at_once;              /* 1: starts with the scan; 0: by an order */
	int64_t attempts;         /* tests that a unit may fail */
	const struct json *needs; /* as the file has them; NULL: nothing is asked for */
	struct station_need lot, cartridge;
	unsigned checks;
	struct station_check check[STATION_CHECKS_MAX];
	char fail_to[STATION_TEXT * 2]; /* where a unit that failed goes; "": the page's own words */
};

struct station_hook { /* a program that is run for each unit */
	char name[32];
	double limit_s; /* then it is killed */
	int on;         /* after: 0 a pass alone, 1 every verdict */
	unsigned words;
	char word[STATION_HOOK_WORDS][256]; /* {dut}, {lot}, {gtin}, {name}, {verdict} are replaced */
};

struct station_operator {
	char name[STATION_TEXT], badge[STATION_TEXT];
};

struct station_config {
	struct json_doc *doc;
	char path[FILE_PATH_MAX], folder[FILE_PATH_MAX]; /* relative paths in the file start at its folder */
	char name[STATION_TEXT];
	char address[STATION_TEXT]; /* of the loopback device */
	int64_t port;               /* 0: any that is free */
	int language;               /* index in station_languages */
	char state[FILE_PATH_MAX], output[FILE_PATH_MAX];
	char accounts[FILE_PATH_MAX]; /* the trail; "": nobody signs in, or by badge alone */
	char history[FILE_PATH_MAX];  /* "": where the program keeps it */
	char fleet[FILE_PATH_MAX];    /* a server that is asked of each unit too, as libpq takes it; "": none */
	char io[FILE_PATH_MAX];       /* of the station's own devices; "": it has none */
	int64_t sign_out_min;         /* a person who gives no order for so long is signed out; 0: never */
	unsigned hosts, words, benches, products, operators;
	char host[STATION_HOSTS_MAX][STATION_TEXT];  /* besides ADDRESS:PORT and localhost:PORT */
	char word[STATION_WORDS_MAX][FILE_PATH_MAX]; /* what stands before "run"; 0: this program */
	struct station_bench_config bench[STATION_BENCHES_MAX];
	struct station_product product[STATION_PRODUCTS_MAX];
	unsigned befores, afters;
	struct station_hook before[STATION_HOOKS_MAX], after[STATION_HOOKS_MAX];
	struct station_operator person[STATION_OPERATORS_MAX];
	unsigned pictures;
	struct station_picture picture[STATION_PICTURES_MAX];
	char prefix[8], suffix[8]; /* what a scanner puts around each code; "": nothing */
};

extern const char *const station_languages[]; /* NULL-terminated */

/* -EINVAL with file:line:column; -errno of the file; -ENOMEM. */
int station_config_read(const char *path, struct station_config **ret, struct err *err);
void station_config_free(struct station_config *config); /* NULL is fine */

bool station_need_fits(const struct station_need *need, const char *text);
/* What this station's scanners put around each code is none of it. For what a scanner sent, once: a serial number may begin as the
 * prefix does. */
void station_unwrap(const struct station_config *config, const char **code, size_t *len);
/* Of a phantom, in the configuration; -1: none. */
int station_picture_of(const struct station_config *config, const char *phantom);

/* The product of a scanned code: the one whose GTIN it is (where it has one) and whose pattern the whole serial number matches.
 * Ambiguous: a code that lost its FNC1 would look the same, with another serial number that matches. */
enum { STATION_NO_PRODUCT = -1, STATION_SEVERAL_PRODUCTS = -2, STATION_AMBIGUOUS = -3 };
/* What an operator is trained for: the plan's file name without folder and .json. */
void station_plan_of(const struct station_config *config, int product, char *ret, size_t size);
int station_product_of(const struct station_config *config, const struct scan *scan);

#endif
