#include "rig/fleet/depot.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define REGION     "us-east-1" /* what object stores that know no regions take */
#define REGION_KEY "region="
#define TICK_MS    500

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int depot_pace(uint64_t rate, const struct depot_tick *tick, size_t len, int64_t *next_ms, struct err *err)
{
	int64_t now = now_ms();
	int rc = 0;

	if (!rate)
		return 0;
	*next_ms = (*next_ms > now ? *next_ms : now) + (int64_t)((double)len * 1000 / (double)rate);
	while (!rc && (now = now_ms()) < *next_ms) {
		(void)poll(NULL, 0, (int)(*next_ms - now < TICK_MS ? *next_ms - now : TICK_MS));
		rc = tick->fn(tick->ctx, err);
	}
	return rc;
}

/* ---- where --------------------------------------------------------------------------------------------------------- */

static bool is_word(const char *text, const char *more)
{
	for (; *text; text++)
		if (!((*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') || strchr(more, *text)))
			return false;
	return true;
}

/* Takes "?region=NAME" off the path. */
static int part_region(char *path, const char **ret, struct err *err)
{
	char *query = strchr(path, '?');

	*ret = REGION;
	if (!query)
		return 0;
	*query++ = '\0';
	if (strncmp(query, REGION_KEY, strlen(REGION_KEY)) != 0 || !is_word(query, "=-") || !query[strlen(REGION_KEY)])
		return err_set(err, -EINVAL, "a store has ?region=NAME behind its path, or nothing");
	*ret = query + strlen(REGION_KEY);
	return 0;
}

static int parse_bucket(const char *url, struct address *address, const char **ret_region, struct err *err)
{
	int rc = address_parse(url, "the store", address, err);

	if (!rc)
		rc = part_region(address->path, ret_region, err);
	if (rc)
		return rc;
	bool tls = strcmp(address->scheme, "s3") == 0, plain = strcmp(address->scheme, "s3+http") == 0;
	if (!tls && !plain)
		return err_set(err, -EINVAL, "a store is file:///FOLDER or s3://HOST/BUCKET");
	if (plain && !address_is_here(address))
		return err_set(
			err, -EINVAL,
			"s3+http:// over a network: whoever stands in the way reads and changes files; s3:// is TLS");
	if (*address->user)
		return err_set(err, -EINVAL,
			       "a store has no user: each computer has its own key, in the file of --store-secret");
	if (!*address->path || !is_word(address->path, "/-._"))
		return err_set(err, -EINVAL,
			       "a store is s3://HOST/BUCKET[/PREFIX], in lower-case letters, digits and .-_");
	return 0;
}

static const char *folder_of(const char *url)
{
	static const char scheme[] = "file://";

	return strncmp(url, scheme, strlen(scheme)) == 0 ? url + strlen(scheme) : NULL;
}

/* Takes "#ID" off it, and slashes at its end. "": it has no ID. */
static int part_folder(const char *folder, char ret_path[304], char ret_id[UUID_TEXT], struct err *err)
{
	const char *hash = strrchr(folder, '#');
	bool marked = hash && strlen(hash + 1) == UUID_TEXT - 1;
	size_t len = marked ? (size_t)(hash - folder) : strlen(folder);

	while (len > 1 && folder[len - 1] == '/')
		len--;
	if (*folder != '/' || len < 2 || len >= 300)
		return err_set(err, -EINVAL,
			       "a store in a folder is file:///FOLDER, with three slashes, in less than 300 bytes");
	snprintf(ret_path, 304, "%.*s", (int)len, folder);
	snprintf(ret_id, UUID_TEXT, "%s", marked ? hash + 1 : "");
	return 0;
}

int depot_check(const char *url, struct err *err)
{
	struct address address;
	char path[304], id[UUID_TEXT];
	const char *region, *folder = folder_of(url);

	return folder ? part_folder(folder, path, id, err) : parse_bucket(url, &address, &region, err);
}

/* ---- of any kind --------------------------------------------------------------------------------------------------- */

static int open_folder(const char *folder, const struct depot_tick *tick, struct depot **ret, struct err *err)
{
	char path[304], id[UUID_TEXT];
	int rc = part_folder(folder, path, id, err);

	if (!rc && !*id)
		rc = err_set(err, -EINVAL, "a store in a folder is known by its #ID: penrig fleet store gives it one");
	return rc ? rc : depot_folder_open(path, id, tick, ret, err);
}

static int nothing_else(void *ctx, struct err *err)
{
	(void)ctx, (void)err;
	return 0;
}

/* Of one that has its ID, nothing is made. */
static int mark_folder(const char *folder, char *ret, struct err *err)
{
	const struct depot_tick tick = {nothing_else, NULL};
	char path[304], id[UUID_TEXT];
	struct depot *store = NULL;
	int rc = part_folder(folder, path, id, err);

	if (!rc)
		rc = *id ? open_folder(folder, &tick, &store, err) : depot_folder_mark(path, id, err);
	depot_free(store);
	if (!rc)
		snprintf(ret, DEPOT_URL_MAX, "file://%s#%s", path, id);
	return rc;
}

int depot_mark(const char *url, char *ret, struct err *err)
{
	const char *folder = folder_of(url);
	int rc = depot_check(url, err);

	if (rc || folder)
		return rc ? rc : mark_folder(folder, ret, err);
	return snprintf(ret, DEPOT_URL_MAX, "%s", url) < DEPOT_URL_MAX
		       ? 0
		       : err_set(err, -EINVAL, "a store's URL has less than %d bytes", DEPOT_URL_MAX);
}

static int open_bucket(const char *url, const struct depot_config *config, struct depot **ret, struct err *err)
{
	struct address address;
	const char *region;
	int rc = parse_bucket(url, &address, &region, err);

	return rc ? rc : s3_open(&address, region, config, ret, err);
}

int depot_open(const char *url, const struct depot_config *config, const struct depot_tick *tick, struct depot **ret,
	       struct err *err)
{
	const char *folder = folder_of(url);
	struct depot *store = NULL;
	int rc = folder ? open_folder(folder, tick, &store, err) : open_bucket(url, config, &store, err);

	if (rc)
		return rc;
	store->config = *config;
	store->tick = *tick;
	*ret = store;
	return 0;
}

int depot_put(struct depot *store, const char *key, const void *bytes, size_t len, struct err *err)
{
	return store->ops->put(store, key, bytes, len, err);
}

int depot_get(struct depot *store, const char *key, void *bytes, size_t size, size_t *ret_len, struct err *err)
{
	return store->ops->get(store, key, bytes, size, ret_len, err);
}

void depot_free(struct depot *store)
{
	if (store)
		store->ops->free(store);
}
