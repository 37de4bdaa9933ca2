// A finished run, model by model; and two labs in two threads, which give the bits of one.     record RECORD WEIGHTS IMAGE
#include <assay.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

static std::vector<float> features(const char *weights, const std::string &image) {
  as_lab *lab = nullptr;
  as_lab_net *net = nullptr;
  std::vector<float> x;
  if (as_lab_open(&lab, nullptr) == AS_LAB_OK && as_lab_net_open(lab, &net, weights, nullptr) == AS_LAB_OK) {
    x.resize(as_lab_net_dim(net));
    for (int i = 0; i < 20; i++)
      if (as_lab_net_encoded(net, image.data(), image.size(), x.data()) != AS_LAB_OK) x.clear();
  }
  as_lab_net_close(net);
  as_lab_close(lab);
  return x;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  as_lab *lab = nullptr;
  as_lab_record *record = nullptr;
  if (as_lab_open(&lab, nullptr) != AS_LAB_OK || as_lab_record_open(lab, &record, argv[1]) != AS_LAB_OK) {
    std::fprintf(stderr, "%s\n", as_lab_error(lab));
    return 1;
  }
  for (size_t m = 0; m < as_lab_record_models(record); m++)
    for (size_t s = 0; s < as_lab_record_sets(record); s++) {
      as_lab_cell c;
      if (as_lab_record_cell(record, m, s, &c) == AS_LAB_OK)
        std::printf("%s,%s,%lld,%lld\n", as_lab_record_model(record, m), as_lab_record_set(record, s),
                    static_cast<long long>(c.top1_correct), static_cast<long long>(c.n_used));
    }
  as_lab_record_close(record);
  as_lab_options other = {};
  other.size = sizeof other;
  other.profile = "bf16-1";
  as_lab *refused = nullptr;
  if (as_lab_open(&refused, &other) != AS_LAB_USAGE || !*as_lab_error(refused)) return 1;
  as_lab_close(refused);
  std::ifstream in(argv[3], std::ios::binary);
  const std::string image((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const std::vector<float> alone = features(argv[2], image);
  std::vector<float> first, second;
  std::thread a([&] { first = features(argv[2], image); }), b([&] { second = features(argv[2], image); });
  a.join();
  b.join();
  as_lab_close(lab);
  return alone.empty() || first != alone || second != alone;
}
