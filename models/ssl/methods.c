/* The table of methods. */
#include "models/ssl/methods_int.h"

#include <string.h>

#include "tensor/base/text.h"

const as_ssl_method *const as_ssl_methods[] = {
    &as_ssl_simclr, &as_ssl_moco,       &as_ssl_mocov3,    &as_ssl_pcl,  &as_ssl_swav,    &as_ssl_deepcluster,
    &as_ssl_sela,   &as_ssl_byol,       &as_ssl_obow,      &as_ssl_dino, &as_ssl_simsiam, &as_ssl_barlow,
    &as_ssl_vicreg, &as_ssl_supervised, &as_ssl_untrained, NULL};

const as_ssl_method *as_ssl_method_named(const char *name) {
  for (size_t i = 0; as_ssl_methods[i]; i++)
    if (strcmp(as_ssl_methods[i]->name, name) == 0) return as_ssl_methods[i];
  return NULL;
}

as_status as_ssl_method_find(const as_ssl_method **out, const char *name, as_err *err) {
  const char *names[32];
  size_t n = 0;
  as_str all = {0};
  *out = as_ssl_method_named(name);
  if (*out) return AS_OK;
  for (; as_ssl_methods[n] && n < 32; n++) {
    names[n] = as_ssl_methods[n]->name;
    as_str_printf(&all, "%s%s", n ? ", " : "", names[n]);
  }
  const char *near = as_nearest(name, names, n);
  const as_status s = as_fail(err, AS_E_USAGE, "no method is called \"%s\"%s%s; there are %s", name,
                              near ? "; nearest: " : "", near ? near : "", as_str_c(&all));
  as_str_clear(&all);
  return s;
}
