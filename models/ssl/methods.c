/* The table of methods. */
#include "models/ssl/methods_int.h"

const as_ssl_method *const as_ssl_methods[] = {&as_ssl_simclr, &as_ssl_moco,   &as_ssl_byol, &as_ssl_simsiam,
                                               &as_ssl_barlow, &as_ssl_vicreg, NULL};
