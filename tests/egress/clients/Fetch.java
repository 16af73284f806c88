import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** GET of a URL, and POST of "hello" to another, with the trust and the proxies that the JVM finds. */
public class Fetch {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest get = HttpRequest.newBuilder(URI.create(arguments[0])).build();
        HttpResponse<String> got = client.send(get, HttpResponse.BodyHandlers.ofString());
        System.out.print(got.statusCode() + " " + got.body());
        HttpRequest post = HttpRequest.newBuilder(URI.create(arguments[1]))
                .POST(HttpRequest.BodyPublishers.ofString("hello")).build();
        HttpResponse<String> posted = client.send(post, HttpResponse.BodyHandlers.ofString());
        System.out.print(posted.statusCode() + " " + posted.body());
    }
}
