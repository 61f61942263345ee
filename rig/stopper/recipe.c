/* See recipe.h. */
#include "rig/stopper/recipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"

struct recipe_text { /* numbers as JSON has them */
	struct stop_recipe recipe;
	int64_t output, address, baud, data_bits, stop_bits, parity, flow, wait_ms, standstill_ms;
};

#define AT(member) offsetof(struct recipe_text, member)
#define TEXT(name)                                                                                                     \
	{                                                                                                              \
		.key = #name, .kind = FIELD_STRING, .offset = AT(recipe.name),                                         \
		.size = sizeof(((struct stop_recipe *)0)->name), .required = true, .lo = 1                             \
	}
#define WHOLE(name, most)                                                                                              \
	{                                                                                                              \
		.key = #name, .kind = FIELD_INT, .offset = AT(name), .required = true, .lo = 0, .hi = most             \
	}

static const struct json_field fields[] = {
	TEXT(driver),
	{.key = "power",
	 .kind = FIELD_STRING,
	 .offset = AT(recipe.power),
	 .size = sizeof(((struct stop_recipe *)0)->power)},
	{.key = "dialect",
	 .kind = FIELD_STRING,
	 .offset = AT(recipe.dialect),
	 .size = sizeof(((struct stop_recipe *)0)->dialect)},
	{.key = "supply",
	 .kind = FIELD_STRING,
	 .offset = AT(recipe.supply),
	 .size = sizeof(((struct stop_recipe *)0)->supply)},
	{.key = "output", .kind = FIELD_INT, .offset = AT(output), .lo = 0, .hi = 255},
	{.key = "address", .kind = FIELD_INT, .offset = AT(address), .lo = 0, .hi = 255},
	TEXT(link),
	TEXT(run),
	TEXT(folder),
	WHOLE(baud, LINK_BAUD_MAX),
	WHOLE(data_bits, 8),
	WHOLE(stop_bits, 2),
	WHOLE(parity, LINK_PARITY_SPACE),
	WHOLE(flow, LINK_FLOW_XON_XOFF),
	WHOLE(wait_ms, 10000),
	WHOLE(standstill_ms, 3600000),
	{.key = NULL},
};

int stop_recipe_print(const struct stop_recipe *recipe, char ret[RECIPE_TEXT_MAX], struct err *err)
{
	struct json_out *out = json_out_object();
	char *text;

	json_out_string(out, "driver", recipe->driver);
	if (recipe->power[0]) {
		json_out_string(out, "power", recipe->power);
		json_out_int(out, "output", recipe->output);
		if (recipe->address)
			json_out_int(out, "address", recipe->address);
		if (recipe->dialect[0])
			json_out_string(out, "dialect", recipe->dialect);
		if (recipe->supply[0])
			json_out_string(out, "supply", recipe->supply);
	}
	json_out_string(out, "link", recipe->link);
	json_out_string(out, "run", recipe->run);
	json_out_string(out, "folder", recipe->folder);
	json_out_int(out, "baud", recipe->line.baud);
	json_out_int(out, "data_bits", recipe->line.data_bits);
	json_out_int(out, "stop_bits", recipe->line.stop_bits);
	json_out_int(out, "parity", recipe->line.parity);
	json_out_int(out, "flow", recipe->line.flow);
	json_out_int(out, "wait_ms", (int64_t)(recipe->line.wait_ns / NS_PER_MS));
	json_out_int(out, "standstill_ms", recipe->standstill_ms);
	int status = json_out_print(out, false, &text, err);
	json_out_free(out);
	if (status)
		return status;
	if (strlen(text) < RECIPE_TEXT_MAX)
		memcpy(ret, text, strlen(text) + 1);
	else
		status = err_set(err, -EMSGSIZE, "the folder %.200s has too long a name", recipe->folder);
	free(text);
	return status;
}

int stop_recipe_parse(const char *text, struct stop_recipe *ret, struct err *err)
{
	struct recipe_text read = {.baud = 0};
	struct json_doc *doc;
	int status = json_parse("stop recipe", text, strlen(text), &doc, err);

	if (status)
		return status;
	status = json_read_object(doc, json_root(doc), fields, &read, err);
	json_doc_free(doc);
	if (!status && strchr(read.recipe.run, '/')) /* the file may be another user's doing */
		status = err_set(err, -EINVAL, "stop recipe: \"run\" is no name of a file");
	if (status)
		return status;
	*ret = read.recipe;
	ret->line = (struct link_settings){
		.baud = (uint32_t)read.baud,
		.data_bits = (uint8_t)read.data_bits,
		.stop_bits = (uint8_t)read.stop_bits,
		.parity = (enum link_parity)read.parity,
		.flow = (enum link_flow)read.flow,
		.wait_ns = (uint64_t)read.wait_ms * NS_PER_MS,
	};
	ret->output = (unsigned)read.output;
	ret->address = (unsigned)read.address;
	ret->standstill_ms = (uint32_t)read.standstill_ms;
	return 0;
}
