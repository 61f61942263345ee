/* Plain S3: objects are put and got by their path, each request signed by libcurl (AWS Signature Version 4). A body is sent with its
 * SHA-256 in what is signed, so that the store refuses one that arrives otherwise. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/base/text_clean.h"
#include "rig/fleet/curl_library.h"
#include "rig/fleet/depot.h"

#ifdef PENRIG_CURL

#define CONNECT_S 10L
#define SLOWEST   1L   /* bytes a second ... */
#define SLOW_S    30L  /* ... for so long: it is away */
#define WORDS     2048 /* of an error's body */

struct s3 {
	struct depot store;
	char url[700], sigv4[80], secret[SECRET_MAX]; /* "KEY", its end, "SECRET" */
	bool here;
	CURL *handle;
};

struct transfer {
	struct s3 *s3;
	const char *send; /* NULL: it is a GET */
	size_t left;
	char *got;
	size_t len, size;
	bool too_long;
	char words[WORDS]; /* what it says where it refuses */
	size_t words_len;
	char why[CURL_ERROR_SIZE];
	int tick; /* its error */
	struct err *err;
};

static size_t on_read(char *to, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t n = size * count < t->left ? size * count : t->left;

	memcpy(to, t->send, n);
	t->send += n;
	t->left -= n;
	return n;
}

static long status_of(const struct transfer *t)
{
	long status = 0;

	curl.curl_easy_getinfo(t->s3->handle, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static void keep_words(struct transfer *t, const char *from, size_t n)
{
	if (n > sizeof(t->words) - 1 - t->words_len)
		n = sizeof(t->words) - 1 - t->words_len;
	memcpy(t->words + t->words_len, from, n);
	t->words_len += n;
}

static size_t on_write(char *from, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t n = size * count;

	if (!t->got || status_of(t) != 200) {
		keep_words(t, from, n);
		return n;
	}
	t->too_long = n > t->size - t->len;
	if (t->too_long)
		return 0;
	memcpy(t->got + t->len, from, n);
	t->len += n;
	return n;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *t = ctx;

	(void)a, (void)b, (void)c, (void)d;
	t->tick = t->s3->store.tick.fn(t->s3->store.tick.ctx, t->err);
	return t->tick != 0;
}

/* ---- what went wrong ----------------------------------------------------------------------------------------------- */

/* <NAME>text</NAME> of an S3 error, cleaned; "" none. */
static void word_of(const struct transfer *t, const char *name, char *ret, size_t size)
{
	char tag[32], raw[200];
	const char *at;

	snprintf(tag, sizeof(tag), "<%s>", name);
	*ret = '\0';
	if (!(at = strstr(t->words, tag)))
		return;
	at += strlen(tag);
	snprintf(raw, sizeof(raw), "%.*s", (int)strcspn(at, "<"), at);
	text_clean(raw, ret, size);
}

static const char *remedy_of(const char *code)
{
	static const struct {
		const char *code, *remedy;
	} rows[] = {
		{"RequestTimeTooSkewed", ": this computer's clock and the store's are too far apart: set it"},
		{"SignatureDoesNotMatch", ": the secret is wrong (--store-secret), or the region (?region=)"},
		{"InvalidAccessKeyId", ": the key is wrong (--store-secret)"},
		{"AccessDenied", ": this key may not (--store-secret)"},
		{"NoSuchBucket", ": make the bucket"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(code, rows[i].code) == 0)
			return rows[i].remedy;
	return "";
}

static int refused(const struct transfer *t, const char *key, long status)
{
	char code[80], message[160];

	word_of(t, "Code", code, sizeof(code));
	word_of(t, "Message", message, sizeof(message));
	if (status == 404 && t->got && strcmp(code, "NoSuchBucket") != 0)
		return err_set(t->err, -ENOENT, "the store has no %s", key);
	int rc = status == 403 && t->got && strcmp(code, "AccessDenied") == 0 ? -EACCES : -EAGAIN;
	return err_set(t->err, rc, "the store refuses (%ld %s)%s%s%s", status, code, remedy_of(code),
		       *remedy_of(code) || !*message ? "" : ": ", *remedy_of(code) ? "" : message);
}

static int outcome(const struct transfer *t, const char *key, CURLcode rc)
{
	long status = status_of(t);

	if (t->tick)
		return t->tick;
	if (t->too_long)
		return err_set(t->err, -EFBIG, "the store: %s is longer than it was", key);
	if (rc != CURLE_OK)
		return err_set(t->err, -EAGAIN, "the store: %s", *t->why ? t->why : curl.curl_easy_strerror(rc));
	return status == 200 ? 0 : refused(t, key, status);
}

/* ---- a request ----------------------------------------------------------------------------------------------------- */

static void set_common(struct transfer *t, const char *url, struct curl_slist *headers)
{
	const struct s3 *s3 = t->s3;
	CURL *h = s3->handle;

	curl.curl_easy_reset(h);
	curl.curl_easy_setopt(h, CURLOPT_URL, url);
	curl.curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl.curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl.curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, SLOWEST);
	curl.curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	curl.curl_easy_setopt(h, CURLOPT_ERRORBUFFER, t->why);
	curl.curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	curl.curl_easy_setopt(h, CURLOPT_AWS_SIGV4, s3->sigv4);
	curl.curl_easy_setopt(h, CURLOPT_USERNAME, s3->secret);
	curl.curl_easy_setopt(h, CURLOPT_PASSWORD, s3->secret + strlen(s3->secret) + 1);
	curl.curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_write);
	curl.curl_easy_setopt(h, CURLOPT_WRITEDATA, t);
	curl.curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl.curl_easy_setopt(h, CURLOPT_XFERINFODATA, t);
	curl.curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
	if (s3->here) /* in clear, and by no proxy of the environment's */
		curl.curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
	if (s3->store.config.ca)
		curl.curl_easy_setopt(h, CURLOPT_CAINFO, s3->store.config.ca);
}

static void set_body(struct transfer *t)
{
	CURL *h = t->s3->handle;

	curl.curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
	curl.curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read);
	curl.curl_easy_setopt(h, CURLOPT_READDATA, t);
	curl.curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->left);
	if (t->s3->store.config.rate)
		curl.curl_easy_setopt(h, CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)t->s3->store.config.rate);
}

/* Nothing else: libcurl 7.88 signs a header that is to be left out ("Expect:") too, and no store agrees. */
static struct curl_slist *headers_of(const struct transfer *t)
{
	char sha256[DIGEST_HEX], line[120];

	digest_text(t->send ? t->send : "", t->left, sha256);
	snprintf(line, sizeof(line), "x-amz-content-sha256: %s", sha256);
	return curl.curl_slist_append(NULL, line);
}

static int perform(struct transfer *t, const char *key)
{
	char url[700 + DEPOT_KEY_MAX];
	struct curl_slist *headers = headers_of(t);

	if (!headers)
		return err_set(t->err, -ENOMEM, "out of memory");
	snprintf(url, sizeof(url), "%s/%s", t->s3->url, key);
	set_common(t, url, headers);
	if (t->send)
		set_body(t);
	int rc = outcome(t, key, curl.curl_easy_perform(t->s3->handle));
	curl.curl_slist_free_all(headers);
	return rc;
}

static int put(struct depot *store, const char *key, const void *bytes, size_t len, struct err *err)
{
	struct transfer t = {.s3 = (struct s3 *)store, .send = bytes, .left = len, .err = err};

	return perform(&t, key);
}

static int get(struct depot *store, const char *key, void *bytes, size_t size, size_t *ret_len, struct err *err)
{
	struct transfer t = {.s3 = (struct s3 *)store, .got = bytes, .size = size, .err = err};
	int rc = perform(&t, key);

	if (!rc)
		*ret_len = t.len;
	return rc;
}

static void s3_free(struct depot *store)
{
	struct s3 *s3 = (struct s3 *)store;

	if (s3->handle)
		curl.curl_easy_cleanup(s3->handle);
	explicit_bzero(s3->secret, sizeof(s3->secret));
	free(s3);
}

/* ---- beginning ----------------------------------------------------------------------------------------------------- */

static int read_key(const struct depot_config *config, char ret[SECRET_MAX], struct err *err)
{
	int rc = config->secret ? secret_read(config->secret, ret, err)
				: err_set(err, -EAGAIN,
					  "the store asks for a key: --store-secret FILE, or PENRIG_STORE_SECRET");

	char *colon = rc ? NULL : strrchr(ret, ':'); /* a key may hold one, a secret does not */
	if (colon)
		*colon = '\0';
	else if (!rc)
		rc = err_set(err, -EAGAIN, "%.300s: must be KEY:SECRET in one line", config->secret);
	return rc ? -EAGAIN : 0;
}

int s3_open(const struct address *address, const char *region, const struct depot_config *config, struct depot **ret,
	    struct err *err)
{
	static const struct depot_ops ops = {.put = put, .get = get, .free = s3_free};
	bool tls = strcmp(address->scheme, "s3") == 0, v6 = strchr(address->host, ':');
	char port[12] = "";

	if (curl_load(err) < 0)
		return -EAGAIN;
	struct s3 *s3 = calloc(1, sizeof(*s3));
	if (!s3)
		return err_set(err, -ENOMEM, "out of memory");
	s3->store.ops = &ops;
	s3->here = address_is_here(address);
	int rc = read_key(config, s3->secret, err);
	if (!rc && !(s3->handle = curl.curl_easy_init()))
		rc = err_set(err, -ENOMEM, "out of memory");
	if (rc) {
		s3_free(&s3->store);
		return rc;
	}
	if (address->port)
		snprintf(port, sizeof(port), ":%u", address->port);
	snprintf(s3->url, sizeof(s3->url), "http%s://%s%s%s%s/%s", tls ? "s" : "", v6 ? "[" : "", address->host,
		 v6 ? "]" : "", port, address->path);
	snprintf(s3->sigv4, sizeof(s3->sigv4), "aws:amz:%.40s:s3", region);
	*ret = &s3->store;
	return 0;
}

#else

int s3_open(const struct address *address, const char *region, const struct depot_config *config, struct depot **ret,
	    struct err *err)
{
	(void)address;
	(void)region;
	(void)config;
	(void)ret;
	(void)curl_load(err);
	return -EAGAIN;
}

#endif
