/* SPDX-License-Identifier: MIT */
/* tests/real/json_threads.cc - drives JsonCpp: two threads build, write, parse and compare documents.
 *
 * json_threads [ROUNDS] [--malformed | --in-turn]: with --malformed every round also parses a broken document and
 * catches the exceptions of wrong types; --in-turn has the main thread do all of it, one part after the other. */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "json/json.h"

namespace {

class Random {
public:
	explicit Random(uint64_t seed) : state_(seed) {}
	unsigned below(unsigned n)
	{
		state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
		return static_cast<unsigned>((state_ >> 33) % n);
	}

private:
	uint64_t state_;
};

Json::Value makeValue(Random &random, int depth)
{
	switch (depth > 0 ? random.below(6) : random.below(4)) {
	case 0:
		return Json::Value(static_cast<int>(random.below(100000)));
	case 1:
		return Json::Value(random.below(1000) / 8.0);
	case 2:
		return Json::Value("text \"" + std::to_string(random.below(1000)) + "\"\n");
	case 3:
		return Json::Value(random.below(2) == 0);
	case 4: {
		Json::Value list(Json::arrayValue);
		for (unsigned i = 0, n = random.below(6); i < n; i++)
			list.append(makeValue(random, depth - 1));
		return list;
	}
	default: {
		Json::Value object(Json::objectValue);
		for (unsigned i = 0, n = random.below(6); i < n; i++)
			object["key" + std::to_string(random.below(50))] = makeValue(random, depth - 1);
		return object;
	}
	}
}

Json::Value makeDocument(Random &random)
{
	Json::Value document(Json::objectValue);
	for (int i = 0; i < 20; i++)
		document["entry" + std::to_string(i)] = makeValue(random, 4);
	return document;
}

class Worker {
public:
	Worker(unsigned number, unsigned rounds, bool malformed)
		: random_(number + 1), rounds_(rounds), malformed_(malformed)
	{
	}

	void run()
	{
		for (unsigned i = 0; i < rounds_; i++) {
			roundTrip();
			if (malformed_)
				parseMalformed();
		}
	}

	uint64_t bytes() const { return bytes_; }
	unsigned failures() const { return failures_; }

private:
	void roundTrip()
	{
		const Json::Value document = makeDocument(random_);
		Json::StreamWriterBuilder writer;
		writer["indentation"] = "";
		const std::string text = Json::writeString(writer, document);
		Json::Value again;
		std::string errors;
		const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
		if (!reader->parse(text.data(), text.data() + text.size(), &again, &errors) || again != document)
			failures_++;
		bytes_ += text.size();
	}

	void parseMalformed()
	{
		Json::Value value;
		std::istringstream in("{\"a\": [1, 2, {\"b\": }]}");
		try {
			in >> value;
			failures_++;
		} catch (const Json::RuntimeError &) {
			bytes_++;
		}
		try {
			bytes_ += Json::Value("text").asInt();
			failures_++;
		} catch (const Json::LogicError &) {
			bytes_++;
		}
	}

	Random random_;
	unsigned rounds_;
	bool malformed_;
	uint64_t bytes_ = 0;
	unsigned failures_ = 0;
};

} // namespace

int main(int argc, char **argv)
{
	const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 20;
	const bool malformed = argc > 2 && std::strcmp(argv[2], "--malformed") == 0;
	Worker workers[] = { Worker(0, rounds, malformed), Worker(1, rounds, malformed) };
	if (argc > 2 && std::strcmp(argv[2], "--in-turn") == 0) {
		workers[0].run();
		workers[1].run();
	} else {
		std::thread first(&Worker::run, &workers[0]), second(&Worker::run, &workers[1]);
		first.join();
		second.join();
	}
	for (const Worker &worker : workers)
		std::printf("%llu bytes, %u failures\n", static_cast<unsigned long long>(worker.bytes()),
			    worker.failures());
	return workers[0].failures() + workers[1].failures() ? 1 : 0;
}
